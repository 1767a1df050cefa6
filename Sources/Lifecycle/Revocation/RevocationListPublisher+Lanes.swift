package import Domain
import Query
import Store

extension RevocationListPublisher {
    private enum Event: Sendable {
        case done(ListSource, made: Int)
        case timeToLook
    }

    /// One pass over every issuer. One that cannot sign now keeps none of the others from it, and neither does one whose
    /// signature hangs: while it does, the others are looked at again as often as ever, since the next pass waits for the
    /// end of this one.
    package func tick(_: Timestamp) async throws -> LoopOutcome {
        // Leaves what is under way time to end within the budget.
        let lastLook = ContinuousClock.now + Self.budget * 3 / 4
        return try await withThrowingTaskGroup(of: Event.self) { [self] group in
            var lanes = Lanes()
            var made = 0
            lanes.line(up: try await sources(), at: context.time.now)
            begin(&lanes, in: &group)
            if !lanes.isIdle { group.addTask { try await self.waitForLook() } }
            while !lanes.isIdle, let event = try await group.next() {
                switch event {
                case .done(let source, let count):
                    made += count
                    lanes.leave(source)
                case .timeToLook:
                    guard ContinuousClock.now < lastLook else { continue }
                    try await alertStalled(lanes.stalled(at: context.time.now))
                    lanes.line(up: try await sources(), at: context.time.now)
                    group.addTask { try await self.waitForLook() }
                }
                begin(&lanes, in: &group)
            }
            group.cancelAll()
            return LoopOutcome(rows: made)
        }
    }

    private func begin(_ lanes: inout Lanes, in group: inout ThrowingTaskGroup<Event, any Error>) {
        while let source = lanes.next() {
            group.addTask { .done(source, made: try await self.attempt(source)) }
        }
    }

    private func sources() async throws -> [ListSource] {
        let (sources, alerted) = try await context.database.read { [lists] tx in
            (try ListSource.all(in: tx), try lists.alerted(in: tx))
        }
        if !alerted.isEmpty { try await endAlerts(alerted, except: Set(sources.map(\.authority))) }
        return sources
    }

    private func waitForLook() async throws -> Event {
        try await context.time.sleep(Self.lookInterval)
        return .timeToLook
    }
}

/// Who is at work and who waits, by the driver of the key: a device that hangs holds up none but those whose keys its
/// driver has.
private struct Lanes {
    /// Of one driver at a time. A list of a million entries takes some hundred megabytes while it is made.
    private static let width = 4
    /// Whoever is not served for so long has a device that hangs, or stands behind those who have.
    private static let patience = Duration.minutes(1)

    private var busy: [AuthorityID: ListSource] = [:]
    private var widths: [String: Int] = [:]
    private var waiting: [ListSource] = []
    private var since: [AuthorityID: Timestamp] = [:]

    var isIdle: Bool { busy.isEmpty && waiting.isEmpty }

    /// Puts those in line who are neither at work nor in line.
    mutating func line(up sources: [ListSource], at now: Timestamp) {
        for source in sources where since[source.authority] == nil {
            waiting.append(source)
            since[source.authority] = now
        }
    }

    /// Those who have been at work or in line for too long.
    func stalled(at now: Timestamp) -> [ListSource] {
        (Array(busy.values) + waiting).filter { source in
            since[source.authority].map { now - $0 >= Self.patience } ?? false
        }
    }

    /// The next that may begin.
    mutating func next() -> ListSource? {
        guard let index = waiting.firstIndex(where: { widths[$0.driver, default: 0] < Self.width }) else { return nil }
        let source = waiting.remove(at: index)
        busy[source.authority] = source
        widths[source.driver, default: 0] += 1
        return source
    }

    mutating func leave(_ source: ListSource) {
        busy[source.authority] = nil
        since[source.authority] = nil
        widths[source.driver, default: 0] -= 1
    }
}
