package import Domain
import Foundation
import PostgresDriver
import Query
import TestSupport

/// A private PostgreSQL server of this test process, with `fsync` off unless a test needs it.
///
/// It is started by a shell that waits for the end of its standard input and then stops the server and removes its
/// directory. This process holds the other end of that pipe, so the server goes with it however it dies.
package final class PostgresCluster: Sendable {
    /// The server that the tests of this process share; started by the first that asks.
    package static func shared() throws -> PostgresCluster { try started.get() }

    private static let started = Result { try PostgresCluster() }

    /// The directory of the PostgreSQL programs, if they are installed.
    package static let programs: String? = {
        let root = "/usr/lib/postgresql"
        let versions = (try? FileManager.default.contentsOfDirectory(atPath: root)) ?? []
        let newestFirst = versions.sorted { (Double($0) ?? 0) > (Double($1) ?? 0) }
        let directories = newestFirst.map { "\(root)/\($0)/bin" }
        return directories.first { FileManager.default.isExecutableFile(atPath: $0 + "/initdb") }
    }()

    package let directory: String
    package let port: Int

    private let shell: Process
    private let lifeline: FileHandle

    /// Starts a server with further settings on its command line, such as `-c fsync=on`.
    package init(options: [String] = []) throws {
        let programs = try Self.programs.orThrow(ClusterFailure("no PostgreSQL is installed under /usr/lib/postgresql"))
        directory = try Self.makeDirectory()
        port = LoopbackPort.unused()
        // Only the server's programs run as another user: the directory is removed by the one who made it.
        let account = geteuid() == 0 ? "postgres" : ""
        let command = ["/bin/sh", "-c", Self.script, "cluster", programs, directory, String(port), account] + options
        let pipe = Pipe()
        lifeline = pipe.fileHandleForWriting
        _ = fcntl(lifeline.fileDescriptor, F_SETFD, FD_CLOEXEC)
        shell = Process()
        shell.executableURL = URL(fileURLWithPath: command[0])
        shell.arguments = Array(command.dropFirst())
        shell.standardInput = pipe
        shell.currentDirectoryURL = URL(fileURLWithPath: directory)
        try shell.run()
        try awaitReadiness()
    }

    /// A connection URL over loopback.
    package func url(database: String, host: String = "127.0.0.1") -> Secret {
        Secret("postgres://certctl@\(host):\(port)/\(database)")
    }

    /// The process id of the server itself.
    package var serverProcess: Int32? {
        let text = try? String(contentsOfFile: directory + "/data/postmaster.pid", encoding: .utf8)
        return text?.split(separator: "\n").first.flatMap { Int32($0) }
    }

    /// Stops the server (immediately, as a crash would, or in an orderly way) and starts it again.
    package func restart(immediately: Bool) throws {
        let process = try serverProcess.orThrow(ClusterFailure("the server does not run"))
        let marker = directory + "/stopped"
        try? FileManager.default.removeItem(atPath: marker)
        kill(process, immediately ? SIGQUIT : SIGINT)
        try awaitReadiness(after: process)
    }

    /// Stops the server and removes its directory.
    package func stop() {
        try? lifeline.close()
        shell.waitUntilExit()
    }

    /// Runs one statement that cannot be in a transaction, such as CREATE DATABASE.
    package func administer(_ statement: String) async throws {
        let database = try PostgresDatabase(PostgresConfiguration(url: url(database: "postgres")))
        try await database.migrate { try $0.run(statement) }
        await database.close()
    }

    // MARK: - Pieces

    /// `$1` programs, `$2` directory, `$3` port, `$4` the account to become, then options. The server is started again
    /// whenever it ends, until the file `done` appears.
    private static let script = """
        bin=$1 dir=$2 port=$3 account=$4; shift 4
        run() {
          if [ -z "$account" ]; then "$@"; else setpriv --reuid="$account" --regid="$account" --init-groups "$@"; fi
        }
        run "$bin/initdb" -D "$dir/data" -U certctl -A trust -E UTF8 --locale=C --no-sync > "$dir/initdb.log" 2>&1 || exit 1
        ( while [ ! -e "$dir/done" ]; do
            run "$bin/postgres" -D "$dir/data" -k "$dir" -h 127.0.0.1 -p "$port" -c fsync=off -c max_connections=600 \
              -c shared_buffers=64MB -c log_min_messages=fatal "$@" >> "$dir/server.log" 2>&1 < /dev/null
            sleep 0.05
          done ) &
        loop=$!
        cat > /dev/null
        touch "$dir/done"
        [ -e "$dir/data/postmaster.pid" ] && kill -QUIT "$(head -1 "$dir/data/postmaster.pid")"
        wait $loop
        # Hundreds of databases take minutes to remove: nobody waits for that, and no pipe is held open by it.
        cd / && rm -rf "$dir" > /dev/null 2>&1 < /dev/null &
        """

    private func awaitReadiness(after previous: Int32? = nil) throws {
        let deadline = ContinuousClock.now + .seconds(30)
        while ContinuousClock.now < deadline {
            if let process = serverProcess, process != previous, isReady { return }
            guard shell.isRunning else { break }
            usleep(20_000)
        }
        let log = (try? String(contentsOfFile: directory + "/initdb.log", encoding: .utf8)) ?? ""
        throw ClusterFailure("PostgreSQL did not start: \(log.suffix(500))")
    }

    /// The last line of `postmaster.pid` says so (`pg_ctl -w` looks at the same place).
    private var isReady: Bool {
        let text = try? String(contentsOfFile: directory + "/data/postmaster.pid", encoding: .utf8)
        return text?.split(separator: "\n").last?.hasPrefix("ready") ?? false
    }

    private static func makeDirectory() throws -> String {
        var template = Array((NSTemporaryDirectory() + "/certctl-pg-XXXXXX").utf8CString)
        guard mkdtemp(&template) != nil else { throw ClusterFailure("no temporary directory") }
        let path = String(decoding: template.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
        if geteuid() == 0, let account = getpwnam("postgres") {
            guard chown(path, account.pointee.pw_uid, account.pointee.pw_gid) == 0 else {
                throw ClusterFailure("cannot give \(path) to the account postgres")
            }
        }
        return path
    }
}

/// Why there is no PostgreSQL server for a test.
package struct ClusterFailure: Error, CustomStringConvertible {
    package let description: String

    package init(_ description: String) { self.description = description }
}

extension Optional {
    fileprivate func orThrow(_ error: some Error) throws -> Wrapped {
        guard let self else { throw error }
        return self
    }
}
