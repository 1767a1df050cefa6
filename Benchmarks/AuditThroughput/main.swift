import Domain
import Encoding
import Lifecycle
import Logging
import PostgresDriver
import Query
import SQLiteDriver
import Sealing
import Store
import Synchronization

// How much throughput sixteen writers keep when each of their transactions is audited and the sequencer seals along.
//
//     audit-throughput DATABASE [SECONDS [unsealed]]
//
// DATABASE is sqlite:PATH of a new file, or postgres://… of an empty database. With `unsealed` the sequencer rests while
// the writers write, which tells its share of the cost from that of the audit event itself.
//
// One transaction changes a row and appends an outbox event, as the flows do; audited ones append the audit event too.
// Rounds with and without alternate, and medians are compared, so that a drifting machine touches both alike.

let writers = 16
let rounds = 5
let arguments = CommandLine.arguments
guard arguments.count > 1 else { throw Usage() }
let isSealing = !arguments.contains("unsealed")
let seconds = arguments.count > 2 ? Int64(arguments[2]) ?? 5 : 5

struct Usage: Error {}

func open(_ location: String) throws -> any MigratableDatabase {
    if location.hasPrefix("sqlite:") { return try SQLiteDatabase(path: String(location.dropFirst(7)), time: .system) }
    return try PostgresDatabase(PostgresConfiguration(url: Secret(location)))
}

let database = try open(arguments[1])
var log = Logger(label: "benchmark")
log.logLevel = .error
try await MigrationRunner(
    database: database, ladder: try MigrationLadder.embedded(for: database.engine), binaryVersion: "0.0.0",
    time: .system, log: log
).migrate()

let teams: [TeamID] = (0..<writers).map { TeamID(stored: "t-bench-\($0)") }
try await database.write { tx in
    for team in teams { _ = try TeamStore().insert(team, TeamFields(name: team.text), in: tx) }
}
let sealer = Sealer(masterKey: try MasterKey(generated: MasterKey.generate(random: .system)))
let context = LifecycleContext(database: database, time: .system, random: .system)
let leadership = Leadership(
    holder: "benchmark", host: "host", processID: 1, database: database, time: .system, random: .system, log: log
)
let sequencer = AuditSequencer(context, leadership: leadership, sealer: sealer, plan: AuditPlan())
let author = Authorship(
    actor: Actor(id: "bench", type: .apiKey),
    origin: RequestOrigin(requestID: "req", clientAddress: "192.0.2.1", channel: "api"),
    clearance: .system
)

/// What the writers of one round share.
final class Tally: Sendable {
    let done = Atomic(0)
    let isOver = Atomic(false)
}

struct Bench: Sendable {
    let database: any Database
    let leadership: Leadership
    let sequencer: AuditSequencer
    let author: Authorship
    let teams: [TeamID]
    let seconds: Int64
    let isSealing: Bool

    func transact(_ team: TeamID, _ number: Int, isAudited: Bool) async throws {
        try await database.write { tx in
            _ = try TeamStore().update(
                team, TeamFields(name: team.text, description: "\(number)"), expecting: nil, in: tx)
            try EventOutbox().append(
                [NewEvent(type: "team.updated", resourceType: "team", subject: team.text, actor: author.actor)], in: tx)
            guard isAudited else { return }
            try AuditLog().append(
                AuditEntry(
                    id: AuditEventID(generatedAt: tx.now, random: .system), author: author, action: "update_team",
                    resourceType: "team", resourceID: team.text, details: ["number": .integer(Int64(number))]),
                in: tx)
        }
    }

    /// Transactions per second of one round.
    func measure(isAudited: Bool) async throws -> Double {
        let end = ContinuousClock.now + .seconds(seconds)
        let tally = Tally()
        try await withThrowingTaskGroup(of: Void.self) { group in
            if isAudited, isSealing {
                group.addTask {
                    while !tally.isOver.load(ordering: .relaxed) {
                        _ = try await leadership.attempt()
                        _ = try await sequencer.sealPending()
                        try await Task.sleep(for: .milliseconds(200))
                    }
                }
            }
            try await withThrowingTaskGroup(of: Void.self) { writing in
                for team in teams {
                    writing.addTask {
                        var number = 0
                        while ContinuousClock.now < end {
                            try await transact(team, number, isAudited: isAudited)
                            number += 1
                            tally.done.add(1, ordering: .relaxed)
                        }
                    }
                }
                try await writing.waitForAll()
            }
            tally.isOver.store(true, ordering: .relaxed)
            try await group.waitForAll()
        }
        return Double(tally.done.load(ordering: .relaxed)) / Double(seconds)
    }
}

let bench = Bench(
    database: database, leadership: leadership, sequencer: sequencer, author: author, teams: teams, seconds: seconds,
    isSealing: isSealing
)

func median(_ values: [Double]) -> Double { values.sorted()[values.count / 2] }

_ = try await bench.measure(isAudited: false)
var plain: [Double] = []
var audited: [Double] = []
for _ in 0..<rounds {
    plain.append(try await bench.measure(isAudited: false))
    audited.append(try await bench.measure(isAudited: true))
}
_ = try await leadership.attempt()
_ = try await sequencer.sealPending()
let sealed = try await database.read { try AuditLedger().size(in: $0) }
let share = median(audited) / median(plain) * 100
print("\(database.engine): \(writers) writers, \(rounds) rounds of \(seconds) s")
print(
    "unaudited \(Int(median(plain)))/s, audited \(Int(median(audited)))/s: \(Int(share.rounded())) %; \(sealed) sealed")
await database.close()
