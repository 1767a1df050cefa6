import APIContract
import Domain
import HTTPServing
import Query
import Store

/// Turns the query of a list route into a request to a repository, and its page into an answer.
struct Lists: Sendable {
    let database: any Database
    let cursors: CursorCodec

    /// Answers a list. `natural` is the order when the client asks for none; `fetch` runs the list in a read
    /// transaction.
    func answer<Filter: Sendable, Sort: ListSort, Element: Sendable, Body: WireValue>(
        _ context: AuthenticatedContext,
        filter: Filter,
        natural: (sort: Sort, isDescending: Bool),
        fetch: @escaping @Sendable (ListRequest<Filter, Sort>, any Transaction) throws -> Page<Element>,
        body: @escaping @Sendable (Element) -> Body
    ) async throws -> OutgoingResponse {
        let request = try listRequest(context.query, filter: filter, natural: natural)
        let page: Page<Element>
        do {
            page = try await database.read { try fetch(request, $0) }
        } catch let error as CursorMismatch {
            throw error.serviceError
        } catch let error as StoreError {
            throw error.serviceError
        }
        return try context.request.pageAnswer(
            page.rows.map(body), total: page.total, nextCursor: page.nextCursor.map(cursors.text)
        )
    }

    private func listRequest<Filter: Sendable, Sort: ListSort>(
        _ query: QueryValues,
        filter: Filter,
        natural: (sort: Sort, isDescending: Bool)
    ) throws(ServiceError) -> ListRequest<Filter, Sort> {
        var (sort, isDescending) = natural
        if let key = query.sortKeys.first {
            sort = try Self.sort(named: key.name)
            isDescending = key.isDescending
        } else if query.flag("sort_desc") == true {
            isDescending = true
        }
        let selector: PageSelector
        switch query.pageRequest {
        case .page(let number, let size): selector = .offset(page: number, perPage: size)
        case .cursor(let token, let size):
            selector = .keyset(
                after: try token.map { text throws(ServiceError) in try cursors.position(text) }, limit: size)
        }
        return ListRequest(
            filter: filter, sort: sort, isDescending: isDescending, page: selector,
            total: query.countsRows ? .exact : .none
        )
    }

    /// Both spellings of a sort key: `createdAt` and `created_at`; `notAfter` is an old name of `expires_at`.
    private static func sort<Sort: ListSort>(named name: String) throws(ServiceError) -> Sort {
        var snake = ""
        for character in name == "notAfter" ? "expires_at" : name {
            if character.isUppercase { snake += "_" }
            snake += character.lowercased()
        }
        guard let sort = Sort(rawValue: snake) else {
            let known = Sort.allCases.map(\.rawValue).joined(separator: ", ")
            throw ServiceError(.invalidParameter, "sort must be one of \(known)")
        }
        return sort
    }
}

extension Database {
    /// Reads in one transaction; what a repository refuses becomes the error a client sees.
    func fetch<Result: Sendable>(
        _ body: @escaping @Sendable (any Transaction) throws -> Result
    ) async throws -> Result {
        do {
            return try await read(body)
        } catch let error as StoreError {
            throw error.serviceError
        }
    }
}

extension QueryValues {
    func ids<Kind: EntityKind>(_ name: String) -> [EntityID<Kind>] { texts(name).map { EntityID(stored: $0) } }

    func values<Value: RawRepresentable<String>>(_ name: String, as _: Value.Type = Value.self) -> [Value] {
        texts(name).compactMap { Value(rawValue: $0) }
    }
}

extension AuthenticatedContext {
    /// The row version that a change must meet: `If-Match`, else `expected_version` of the body.
    func expectedVersion(_ member: Int? = nil) throws(ServiceError) -> Int? {
        switch request.condition {
        case .none, .exists: return member
        case .anyOf(let versions):
            guard versions.count <= 1 else {
                throw ServiceError(.invalidParameter, "If-Match must name the one version that was read")
            }
            // No row is at version 0: a tag that is none of ours is refused like a stale one.
            return versions.first ?? 0
        }
    }
}
