import DatabaseTestSupport
import Domain
import Query
import Store
import Testing

@testable import Lifecycle

@Suite("Protocol servers §2.7: what ran out of time is over when it is looked at, not only when it was swept")
struct OverviewTests {
    private static func ids(
        _ statuses: [ACMEOrderStatus], _ stage: ValidationStage
    ) async throws -> [String: ACMEOrderStatus] {
        var filter = ACMEOrderFilter()
        filter.statuses = statuses
        let request = ListRequest(
            filter: filter, sort: ACMEOrderSort.createdAt, isDescending: false, page: .keyset(after: nil, limit: 50),
            total: .exact)
        let page = try await stage.world.database.read { try ACMEOrderStore().overviews(request, in: $0) }
        #expect(page.total == page.rows.count)
        return Dictionary(uniqueKeysWithValues: page.rows.map { ($0.order.id.text, $0.status) })
    }

    @Test("lists of operators show and find it by the state that it has", arguments: Engine.available)
    func lists(engine: Engine) async throws {
        try await ValidationStage.with(engine) { stage async throws in
            let open = try await stage.order(["open.test"]).order.id.text
            let ended = try await stage.order(["ended.test"], through: stage.orders { $0.orderTTL = .zero }).order.id
                .text
            #expect(try await Self.ids([], stage) == [open: .pending, ended: .invalid])
            #expect(try await Self.ids([.pending], stage) == [open: .pending])
            #expect(try await Self.ids([.ready, .processing, .valid], stage).isEmpty)
            #expect(try await Self.ids([.invalid], stage) == [ended: .invalid])
            #expect(try await Self.ids([.invalid, .pending], stage).count == 2)
            let one = try await stage.world.database.read { tx in
                try ACMEOrderStore().overview(ACMEOrderID(stored: ended), in: tx)
            }
            #expect(one?.status == .invalid && one?.order.status == .pending)
        }
    }
}
