import CLibPQ
import Domain
import Query

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

/// Establishes one connection, blocking the calling thread at most for the connect timeout.
///
/// Polled instead of `PQconnectdb`, because only so can the verbosity be set before the server answers: libpq
/// offers the SQLSTATE of a refused connection in its text and nowhere else.
enum ConnectionOpening {
    static func open(_ target: ConnectionTarget) throws(DatabaseError) -> OpaquePointer {
        guard let connection = target.startConnecting() else {
            throw DatabaseError(kind: .unavailable, sqlState: "53200", message: "libpq has no memory for a connection")
        }
        PQsetErrorVerbosity(connection, PQERRORS_VERBOSE)
        PQsetNoticeProcessor(connection, { _, _ in }, nil)
        do throws(DatabaseError) {
            try establish(connection, target: target)
        } catch {
            PQfinish(connection)
            throw error
        }
        PQsetErrorVerbosity(connection, PQERRORS_DEFAULT)
        return connection
    }

    private static func establish(_ connection: OpaquePointer, target: ConnectionTarget) throws(DatabaseError) {
        let deadline = ContinuousClock.now + target.connectTimeout
        var state = PGRES_POLLING_WRITING
        while true {
            guard PQstatus(connection) != CONNECTION_BAD, state != PGRES_POLLING_FAILED else {
                throw refusal(of: connection, target: target)
            }
            if state == PGRES_POLLING_OK { return }
            let remaining = deadline - .now
            guard remaining > .zero, wait(for: connection, state: state, timeout: remaining) else {
                throw DatabaseError(
                    kind: .unavailable,
                    sqlState: "08001",
                    message: "\(target.place) did not answer within \(target.connectTimeout)"
                )
            }
            state = PQconnectPoll(connection)
        }
    }

    private static func wait(
        for connection: OpaquePointer,
        state: PostgresPollingStatusType,
        timeout: Duration
    ) -> Bool {
        let events = state == PGRES_POLLING_READING ? POLLIN : POLLOUT
        var descriptor = pollfd(fd: PQsocket(connection), events: Int16(events), revents: 0)
        return poll(&descriptor, 1, CInt(clamping: timeout.wholeMicrosecondsRoundedUp / 1000 + 1)) != 0
    }

    private static func refusal(of connection: OpaquePointer, target: ConnectionTarget) -> DatabaseError {
        let text = PQerrorMessage(connection).map { String(cString: $0) } ?? ""
        return ConnectionRefusal(text: text, place: target.place).error
    }
}

/// What libpq says about a connection that could not be made, with the remedy (operations §7.1).
struct ConnectionRefusal {
    let text: String
    let place: String

    /// The five characters after `FATAL:` that verbose errors carry.
    private var sqlState: String? {
        for line in text.split(whereSeparator: \.isNewline) {
            for word in line.split(separator: " ") where word.count == 6 && word.hasSuffix(":") {
                let state = word.dropLast()
                let isCode = state.utf8.allSatisfy { (0x30...0x39).contains($0) || (0x41...0x5A).contains($0) }
                if isCode, state.contains(where: \.isNumber) { return String(state) }
            }
        }
        return nil
    }

    var error: DatabaseError {
        let state = sqlState ?? "08001"
        return DatabaseError(kind: PostgresFailure.kind(ofState: state), sqlState: state, message: message(for: state))
    }

    private func message(for state: String) -> String {
        let said = PostgresFailure.oneLine(firstLines)
        return switch state {
        case "28P01":
            "PostgreSQL at \(place) refuses the password (\(said)). Usual causes: the password was changed after the "
                + "database volume was initialised, which keeps the first one: run ALTER ROLE … PASSWORD … in the "
                + "database, or recreate the volume if it holds nothing; or CERTCTL_DATABASE_URL names another "
                + "user or password than intended"
        case "28000":
            "PostgreSQL at \(place) does not let this role in from here (\(said)). Check pg_hba.conf and that the role "
                + "may log in"
        case "3D000":
            "the database does not exist at \(place) (\(said)). Create it with createdb, owned by the role of the URL"
        case "53300":
            "PostgreSQL at \(place) has no connection left (\(said)). Raise max_connections to at least "
                + "CERTCTL_DATABASE_MAX_CONNS × replicas + 20, or lower CERTCTL_DATABASE_MAX_CONNS"
        default: general(said)
        }
    }

    private func general(_ said: String) -> String {
        let lower = said.lowercased()
        let hint: String =
            if lower.contains("certificate") {
                ". The server's certificate is not trusted: name its CA with sslrootcert=… in the URL, and the host as "
                    + "the certificate names it"
            } else if lower.contains("refused") || lower.contains("no such file") {
                ". Check that PostgreSQL runs there and listens on that address and port"
            } else {
                ""
            }
        return "cannot connect to PostgreSQL at \(place): \(said)\(hint)"
    }

    /// Verbose messages end in lines about PostgreSQL's own source.
    private var firstLines: String {
        text.split(whereSeparator: \.isNewline).filter { !$0.hasPrefix("LOCATION:") }.joined(separator: "\n")
    }
}
