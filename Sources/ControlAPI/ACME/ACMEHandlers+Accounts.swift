import Access
import Domain
import Encoding
import HTTPServing
import HTTPTypes
import Lifecycle
import PKI
import Store

/// Accounts: opening, changing, ending, listing their orders, changing their key (RFC 8555 §7.3, §7.1.2.1).
extension ACMEHandlers {
    private static let ordersPerPage = 100

    var gate: ACMEGate { ACMEGate(services: services) }

    func newAccount(_ call: Call) async throws -> OutgoingResponse {
        let verified = try await gate.verify(call, by: .newKey)
        let members = try verified.object()
        var request = ACMERegistration()
        request.contact = try Self.contact(members) ?? []
        request.agreesToTerms = try Self.flag(members, "termsOfServiceAgreed")
        request.onlyReturnsExisting = try Self.flag(members, "onlyReturnExisting")
        if !request.onlyReturnsExisting {
            try await take(
                "acme_new_account", allowing: services.plan().accountsPerHour,
                of: LimitSubject.address(call.context.clientAddress), unlessKnown: verified.key, call)
            if let binding = members["externalAccountBinding"] {
                request.binding = try ExternalBinding.read(binding, for: verified.key, at: call.place.newAccount)
            }
        }
        let (account, isNew) = try await services.accounts.register(
            verified.key.accountKey, request, under: call.profile, from: call.origin)
        call.notes.note(account: account.id)
        services.count(isNew ? .newAccount : .newAccountIdempotent)
        return response(account, call, status: isNew ? 201 : 200)
    }

    func account(_ call: Call) async throws -> OutgoingResponse {
        let (verified, account) = try await own(call)
        guard !verified.isRead else { return response(account, call) }
        let members = try verified.object()
        guard !members.isEmpty else { return response(account, call) }
        if let status = members["status"] {
            guard status.stringValue == ACMEAccountStatus.deactivated.rawValue else {
                throw ACMEProblem(.malformed, "the only status that an account can be given is deactivated")
            }
            let ended = try await services.accounts.deactivate(account, from: call.origin)
            services.count(.deactivateAccount)
            return response(ended, call)
        }
        let changed = try await services.accounts.update(
            account, contact: try Self.contact(members),
            agreesToTerms: try Self.flag(members, "termsOfServiceAgreed"), from: call.origin)
        services.count(.updateAccount)
        return response(changed, call)
    }

    func accountOrders(_ call: Call) async throws -> OutgoingResponse {
        let (_, account) = try await own(call)
        let page: Page<ACMEOrder>
        do {
            page = try await services.orders.orders(
                of: account, after: try call.context.query.text("cursor").map(cursors.position),
                limit: Self.ordersPerPage)
        } catch is CursorMismatch {
            throw ACMEProblem(.malformed, "the cursor is not one of this list")
        } catch let error as ServiceError where error.code == .invalidCursor {
            throw ACMEProblem(.malformed, error.detail)
        }
        var response = OutgoingResponse.json(
            value: ["orders": JSONValue(page.rows.map { call.place.order($0.id) })])
        if let next = page.nextCursor {
            let address = "\(call.place.orders(of: account.id))?cursor=\(cursors.text(next))"
            response.fields.append(HTTPField(name: .link, value: "<\(address)>;rel=\"next\""))
        }
        return response
    }

    func keyChange(_ call: Call) async throws -> OutgoingResponse {
        let outer = try await gate.verify(call, by: .account)
        guard let account = outer.account else { throw ACMEProblem(.malformed, "there is no account") }
        try await take("acme_key_change", allowing: services.plan().keyChangesPerHour, of: account.id.text)
        let key = try await newKey(in: outer.payload, account, call)
        do {
            let changed = try await services.accounts.rollKey(account, to: key.accountKey, from: call.origin)
            return response(changed, call)
        } catch let taken as ACMEKeyTaken {
            var problem = ACMEProblem(.malformed, "another account has this key", status: 409)
            problem.location = call.place.account(taken.account)
            throw problem
        }
    }

    /// The inner request, which the new key signs (RFC 8555 §7.3.5).
    private func newKey(
        in payload: [UInt8], _ account: ACMEAccount, _ call: Call
    ) async throws -> PublicJWK {
        let inner = try FlattenedJWS(octets: payload)
        let algorithm = try inner.algorithm()
        guard let jwk = inner.header["jwk"], inner.header["kid"] == nil else {
            throw ACMEProblem(.malformed, "the inner request must carry the new key as jwk")
        }
        guard inner.header["nonce"] == nil else { throw ACMEProblem(.malformed, "the inner request has no nonce") }
        let key = try PublicJWK(jwk)
        guard try inner.text("url") == call.place.keyChange else {
            throw ACMEProblem(.unauthorized, "the inner request was signed for another address")
        }
        guard algorithm.fits(key.family), key.isValid(inner.signature, over: inner.signingInput, algorithm) else {
            throw ACMEProblem(.unauthorized, "the new key did not sign the inner request")
        }
        guard let members = (try? JSONValue(parsing: inner.payload))?.objectValue,
            members["account"]?.stringValue == call.place.account(account.id), let old = members["oldKey"],
            let oldKey = try? PublicJWK(old), oldKey.thumbprint == account.thumbprint
        else { throw ACMEProblem(.malformed, "the inner request must name this account and its present key") }
        try await services.accounts.requireUsable(key.key)
        return key
    }

    // MARK: Parts

    /// The account of the path, which must be the one that signed.
    private func own(_ call: Call) async throws -> (ACMEGate.Verified, ACMEAccount) {
        let verified = try await gate.verify(call, by: .account)
        guard let account = verified.account, account.id.text == call.parameter("account_id") else {
            throw ACMEProblem(.unauthorized, "an account sees itself alone", status: 403)
        }
        return (verified, account)
    }

    private func response(_ account: ACMEAccount, _ call: Call, status: Int = 200) -> OutgoingResponse {
        .json(
            value: ACMEObjects.account(account, call.place), status: status,
            location: call.place.account(account.id))
    }

    /// Finding an account again is free; opening one is not.
    private func take(
        _ name: String, allowing limit: Int, of subject: String, unlessKnown key: PublicJWK, _ call: Call
    ) async throws {
        let known = try? await services.accounts.register(
            key.accountKey, .lookUp, under: call.profile, from: call.origin)
        if known == nil { try await take(name, allowing: limit, of: subject) }
    }

    private static func contact(_ members: JSONObject) throws(ACMEProblem) -> [String]? {
        guard let value = members["contact"], !value.isNull else { return nil }
        guard let elements = value.arrayValue else { throw ACMEProblem(.malformed, "contact must be a list of texts") }
        let texts = elements.compactMap(\.stringValue)
        guard texts.count == elements.count else {
            throw ACMEProblem(.malformed, "contact must be a list of texts")
        }
        return texts
    }

    private static func flag(_ members: JSONObject, _ name: String) throws(ACMEProblem) -> Bool {
        guard let value = members[name], !value.isNull else { return false }
        guard let flag = value.boolValue else { throw ACMEProblem(.malformed, "\(name) must be true or false") }
        return flag
    }
}

extension ACMERegistration {
    fileprivate static var lookUp: ACMERegistration {
        var request = ACMERegistration()
        request.onlyReturnsExisting = true
        return request
    }
}
