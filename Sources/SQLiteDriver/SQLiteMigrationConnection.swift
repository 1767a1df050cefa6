import Domain
import GRDB
import GRDBSQLite
import Query

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

/// The writer of a database, lent for migrations.
final class SQLiteMigrationConnection: MigrationConnection {
    let engine = Engine.sqlite

    private let session: SQLiteSession
    private let path: String?
    private let time: TimeSource
    private var lockDescriptor: CInt?

    init(session: SQLiteSession, path: String?, time: TimeSource) {
        self.session = session
        self.path = path
        self.time = time
    }

    var engineVersion: String { String(cString: sqlite3_libversion()) }

    func currentTime() -> Timestamp { time.now }

    func run(_ statement: String) throws(Query.DatabaseError) { try session.run(statement, keepsPrepared: false) }

    func rows(_ sql: Query.SQL) throws(Query.DatabaseError) -> [Query.Row] { try session.rows(sql) }

    @discardableResult
    func execute(_ sql: Query.SQL) throws(Query.DatabaseError) -> Int { try session.execute(sql) }

    /// Foreign keys are off while a migration runs, so that it can rebuild a table that others refer to; they are
    /// checked as a whole before the commit (https://www.sqlite.org/lang_altertable.html#otheralter).
    func begin() throws(Query.DatabaseError) {
        try session.run("PRAGMA foreign_keys = OFF", keepsPrepared: false)
        try session.run("BEGIN IMMEDIATE")
    }

    func commit() throws(Query.DatabaseError) {
        if let orphan = try session.rows("PRAGMA foreign_key_check").first {
            let table = (try? orphan.optionalText("table")) ?? nil
            let parent = (try? orphan.optionalText("parent")) ?? nil
            throw Query.DatabaseError(
                kind: .foreignKeyViolation(constraint: ""),
                sqlState: "SQLITE_CONSTRAINT_3",
                message: "a row of \(table ?? "a table") refers to a missing row of \(parent ?? "another")"
            )
        }
        try session.run("COMMIT")
        try session.run("PRAGMA foreign_keys = ON", keepsPrepared: false)
    }

    func rollback() {
        if !session.isAutocommit { try? session.run("ROLLBACK") }
        try? session.run("PRAGMA foreign_keys = ON", keepsPrepared: false)
    }

    /// A lock file beside the database. Not the database itself: closing any descriptor of it would drop the locks
    /// that SQLite holds there for this process (https://www.sqlite.org/howtocorrupt.html#_posix_advisory_locks).
    func tryLock() throws(Query.DatabaseError) -> MigrationLock {
        guard let path, lockDescriptor == nil else { return .acquired }
        let file = path + ".migration-lock"
        let descriptor = open(file, O_RDWR | O_CREAT | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else {
            throw Query.DatabaseError(
                kind: errno == EROFS ? .readOnly : .permissionDenied,
                sqlState: "SQLITE_CANTOPEN",
                message: "cannot open the lock file \(file): \(String(cString: strerror(errno)))"
            )
        }
        guard flock(descriptor, LOCK_EX | LOCK_NB) == 0 else {
            defer { _ = close(descriptor) }
            return .heldBy(Self.holder(in: descriptor))
        }
        let owner = Array("process \(getpid())\n".utf8)
        _ = ftruncate(descriptor, 0)
        _ = pwrite(descriptor, owner, owner.count, 0)
        lockDescriptor = descriptor
        return .acquired
    }

    func unlock() {
        if let descriptor = lockDescriptor { _ = close(descriptor) }
        lockDescriptor = nil
    }

    func pause(_ duration: Duration) {
        let microseconds = max(0, duration.wholeMicroseconds)
        var time = timespec(tv_sec: Int(microseconds / 1_000_000), tv_nsec: Int(microseconds % 1_000_000) * 1000)
        nanosleep(&time, nil)
    }

    /// Leaves the connection as the writer needs it.
    func finish() {
        rollback()
        unlock()
    }

    private static func holder(in descriptor: CInt) -> String {
        var octets = [UInt8](repeating: 0, count: 64)
        let count = pread(descriptor, &octets, octets.count, 0)
        guard count > 0 else { return "another process" }
        return String(decoding: octets.prefix(count).prefix { $0 >= 0x20 }, as: UTF8.self)
    }
}
