import Foundation
import Testing

@Suite("The rules of the house that the compiler cannot hold")
struct HouseTests {
    private let tree = SourceTree.repository

    @Test("every import is an edge of the manifest")
    func importsAreDeclared() throws {
        let edges = ImportEdges.declared(in: try tree.text("Package.swift"))
        #expect(edges["Lifecycle"]?.contains("Store") == true, "the manifest was not understood")
        let offences = ImportEdges.undeclared(files: tree.sources + tree.tests, edges: edges, ours: Set(edges.keys))
        #expect(offences.isEmpty, "\(offences.joined(separator: "\n"))")
    }

    @Test("an undeclared import is found")
    func undeclaredImportIsFound() {
        let file = SourceTree.File(path: "Sources/PKI/X.swift", lines: ["package import Store", "import Domain"])
        let offences = ImportEdges.undeclared(files: [file], edges: ["PKI": ["Domain"]], ours: ["PKI", "Store"])
        #expect(offences == ["Sources/PKI/X.swift: import Store"])
    }

    @Test("no source file is longer than 400 lines")
    func filesAreShort() {
        let long = tree.sources.filter { $0.lines.count > 401 }.map { "\($0.path): \($0.lines.count - 1) lines" }
        #expect(long.isEmpty, "\(long.joined(separator: "\n"))")
    }

    @Test("cross-target declarations are package, never public")
    func nothingIsPublic() {
        let offences = lines(
            in: tree.sources, with: ["public", "open"],
            matching:
                /^\s*(?:public|open)\s+(?:static|final|class|struct|enum|func|var|let|init|protocol|actor|extension|typealias|import|override)\b/
        )
        #expect(offences.isEmpty, "\(offences.joined(separator: "\n"))")
    }

    /// `words`: one of them is in every offending line; a plain search spares the regular expression most lines.
    static let bannedCalls: [(rule: String, words: [String], pattern: String)] = [
        ("unstructured task", ["Task"], #"\bTask(\.detached)?\s*(\([^)]*\)\s*)?\{"#),
        ("dispatch queue", ["Dispatch"], #"\bDispatchQueue\b|\bDispatchSemaphore\b"#),
        ("ambient date", ["Date()", "UUID()"], #"\bDate\(\)|\bUUID\(\)"#),
        ("print", ["print("], #"(^|[^.\w])print\("#),
        ("try!", ["try!", "as!"], #"\btry!|\bas!"#),
        ("shell", ["sh\""], #""(/bin/)?(ba|da)?sh",\s*"-c""#),
    ]

    @Test("calls with a better way are not used in sources", arguments: bannedCalls.indices)
    func bannedCallsAreAbsent(index: Int) throws {
        let (rule, words, pattern) = Self.bannedCalls[index]
        let offences = try lines(in: tree.sources, with: words, matching: Regex(pattern))
        #expect(offences.isEmpty, "\(rule):\n\(offences.joined(separator: "\n"))")
    }

    @Test(
        "a banned call is found", arguments: ["Task {", "Task.detached {", "let now = Date()", "print(x)", "try! f()"])
    func bannedCallIsFound(line: String) throws {
        let file = SourceTree.File(path: "Sources/X/Y.swift", lines: [line])
        let finds = try Self.bannedCalls.contains { call in
            try !lines(in: [file], with: call.words, matching: Regex(call.pattern)).isEmpty
        }
        #expect(finds)
    }

    /// Where keys are made: on a thread for it; by the signing process and the driver of files, which have their own; for
    /// the TLS of a server that starts, on P-256; and by programs that serve nobody else meanwhile.
    static let keyMakers = [
        "Sources/PKI/", "Sources/EmbeddedCA/SigningExecutor+Computing.swift", "Sources/ExternalSigner/",
        "Sources/ServerRuntime/TLS/ServerIdentity.swift", "Sources/OperatorCLI/", "Sources/AgentRuntime/",
    ]
    static let keyMaking = #"\bPrivateKey\.generate\(|\btry \.generate\("#

    @Test("no thread of the pool makes a key: RSA takes seconds")
    func keysAreMadeOnThreads() throws {
        let files = tree.sources.filter { file in !Self.keyMakers.contains { file.path.hasPrefix($0) } }
        let offences = try lines(in: files, with: [".generate("], matching: Regex(Self.keyMaking))
        #expect(offences.isEmpty, "\(offences.joined(separator: "\n"))")
    }

    @Test(
        "a key that is made in passing is found",
        arguments: ["let key = try PrivateKey.generate(spec)", "try .generate(.rsa4096)"])
    func keyMadeInPassingIsFound(line: String) throws {
        let file = SourceTree.File(path: "Sources/Lifecycle/X.swift", lines: [line])
        #expect(try !lines(in: [file], with: [".generate("], matching: Regex(Self.keyMaking)).isEmpty)
    }

    /// Where an access decision is made or its reach is chosen: the gate, and the event stream for each event.
    static let deciders = [
        "Sources/HTTPServing/Dispatch/AccessGate.swift", "Sources/ControlAPI/Server/EventHandlers.swift",
    ]
    static let decisions = #"\.clearance\(for:|within: \.system|clearance: \.(system|withoutPermission)|\bAuthorship\("#

    @Test("handlers and pipeline take the access decision that the gate made, and make none")
    func accessIsDecidedOnce() throws {
        let files = tree.sources.filter { file in
            ["Sources/ControlAPI/", "Sources/HTTPServing/"].contains { file.path.hasPrefix($0) }
                && !Self.deciders.contains(file.path)
        }
        #expect(files.count > 30)
        let words = ["clearance", "within: .system", "Authorship("]
        let offences = try lines(in: files, with: words, matching: Regex(Self.decisions))
        #expect(offences.isEmpty, "\(offences.joined(separator: "\n"))")
    }

    @Test(
        "a decision that a handler makes by itself is found",
        arguments: [
            "try store.list(r, within: .system, in: tx)", "rights.clearance(for: .certRead)", "Authorship(actor: a",
        ])
    func ownDecisionIsFound(line: String) throws {
        let file = SourceTree.File(path: "Sources/ControlAPI/X.swift", lines: [line])
        let words = ["clearance", "within: .system", "Authorship("]
        #expect(try !lines(in: [file], with: words, matching: Regex(Self.decisions)).isEmpty)
    }

    /// Where values are compared that somebody must not learn by measuring.
    static let secretTargets = ["Sources/Sealing/", "Sources/Access/", "Sources/HTTPServing/", "Sources/ControlAPI/"]
    static let secretWords = ["==", "!=", "elementsEqual", "hasPrefix", "starts(with"]
    static let secretComparison =
        #"(?i)\b\w*(?:secret|token|hash|hmac|mac|sha256|hex|password|digest|checkValue|keyValue|signature)(?:\([^()]*\))?\)?\s*[!=]=(?!\s*(?:nil|\.))|[!=]=\s*(?:\w+[.?!]+)*\w*(?:secret|token|hash|hmac|mac|sha256|hex|password|digest|checkValue|keyValue|signature)\b(?!\.(?:count|isEmpty))|\w*(?:secret|token|hash|mac|sha256|password)\w*\.(?:elementsEqual|starts)\("#
    /// Comparisons of what everybody may know.
    static let publicComparisons = [
        // A row that was read twice: nothing of it came from a caller.
        "Sources/Access/Users/BreakglassFlow.swift: current.passwordHash == credential.passwordHash",
        // The octets of the caller against their own text: whether it is the one way to write them.
        "Sources/Sealing/SessionToken.swift: mac.count == Self.macLength, Base64URL.encode(mac) == parts[3]",
        "Sources/Sealing/Tokens.swift: guard token.count == Self.length, token.starts(with: Array(Self.prefix.utf8)),",
        "Sources/Sealing/Tokens.swift: && token.starts(with: Array(prefix.utf8)) "
            + "&& TokenText.isBase62(token.dropFirst(prefix.utf8.count))",
    ]

    @Test("T3: secrets are compared in constant time alone")
    func secretsAreComparedInConstantTime() throws {
        let files = tree.sources.filter { file in Self.secretTargets.contains { file.path.hasPrefix($0) } }
        #expect(files.count > 60)
        let offences = try lines(in: files, with: Self.secretWords, matching: Regex(Self.secretComparison))
        let unexplained = offences.filter { offence in
            !Self.publicComparisons.contains(offence.replacing(#/:\d+: /#, with: ": "))
        }
        #expect(unexplained.isEmpty, "\(unexplained.joined(separator: "\n"))")
        // A secret itself has no operator: `==` on two of them does not compile.
        let conformances = try lines(
            in: tree.sources, with: ["Secret"],
            matching: Regex(#"(?:struct|extension) Secret\s*:[^{]*\b(?:Equatable|Hashable)\b"#))
        #expect(conformances.isEmpty, "\(conformances.joined(separator: "\n"))")
        let users = tree.sources.filter { $0.lines.contains { $0.contains("ConstantTime.equal(") } }.map(\.path)
        #expect(users.count >= 6, "\(users)")
    }

    @Test(
        "a secret that is compared octet by octet until one differs is found",
        arguments: [
            "guard stored.hash == presented.hash else {", "if mac(label, octets) != code, hmac == expected {",
            "return presented == stored.secret", "token.elementsEqual(other)", "hash(with: sealer) == stored",
            "if key.sha256 == digest {",
        ])
    func hastyComparisonIsFound(line: String) throws {
        let file = SourceTree.File(path: "Sources/Access/X.swift", lines: [line])
        #expect(try !lines(in: [file], with: Self.secretWords, matching: Regex(Self.secretComparison)).isEmpty)
    }

    @Test("@unchecked Sendable and nonisolated(unsafe) carry a proof in the comment above")
    func uncheckedSendableIsProved() {
        var offences: [String] = []
        for file in tree.sources {
            for (number, line) in file.lines.enumerated()
            where line.contains("@unchecked Sendable") || line.contains("nonisolated(unsafe)") {
                let above = file.lines[max(0, number - 8)..<number].joined(separator: "\n")
                if !above.contains("//") { offences.append("\(file.path):\(number + 1)") }
            }
        }
        #expect(offences.isEmpty, "\(offences.joined(separator: "\n"))")
    }

    @Test("no file names a machine's folders or holds a private key")
    func noMachinePathsOrSecrets() {
        let pattern = /\/(?:root|home|work|farm)\/[a-z]|-----BEGIN (?:RSA |EC )?PRIVATE KEY-----\\n[A-Za-z0-9+\/]{40}/
        let offences = lines(
            in: tree.sources, with: ["/root/", "/home/", "/work/", "/farm/", "-----BEGIN"], matching: pattern)
        #expect(offences.isEmpty, "\(offences.joined(separator: "\n"))")
    }

    @Test("engines are known to the drivers alone")
    func onlyDriversKnowTheirEngine() {
        let drivers: Set<String> = ["SQLiteDriver", "PostgresDriver"]
        let offences = lines(
            in: tree.sources.filter { !drivers.contains($0.target) }, with: ["import "],
            matching: /import (?:GRDB|CLibPQ)/)
        #expect(offences.isEmpty, "\(offences.joined(separator: "\n"))")
    }

    /// Where sockets are opened: the one way out, the listener, a look at this host's own address that sends nothing, and the
    /// signing process, which is at a path of this host.
    static let localSocket = "Sources/ExternalSigner/Socket/LocalSocket.swift"
    static let socketOwners = [
        "Sources/Outbound/", "Sources/HTTPServing/Listener/HTTPListener.swift",
        "Sources/AgentRuntime/Host/HostFacts.swift",
        "Sources/PostgresDriver/", localSocket,
    ]
    static let socketWords = [
        "Bootstrap(", "AsyncHTTPClient", "HTTPClient(", "URLSession", "FoundationNetworking", "getaddrinfo(", "socket(",
        "PQconnect", "CFSocket", "NWConnection",
    ]
    static let sockets =
        #"\b(?:Client|Datagram|Server|NIORawSocket|NIOTSConnection)Bootstrap\(|\bAsyncHTTPClient|\bHTTPClient\(|\bURLSession|\bFoundationNetworking|\bgetaddrinfo\(|(?:^|[^.\w])socket\(|\bPQconnect|\bCFSocket|\bNWConnection"#

    @Test(
        "A-23: every outgoing connection goes through the egress guard: no other file opens sockets or resolves names")
    func socketsHaveOneOwner() throws {
        let files = tree.sources.filter { file in !Self.socketOwners.contains { file.path.hasPrefix($0) } }
        let offences = try lines(in: files, with: Self.socketWords, matching: Regex(Self.sockets))
        #expect(offences.isEmpty, "\(offences.joined(separator: "\n"))")
        for owner in Self.socketOwners {
            let own = tree.sources.filter { $0.path.hasPrefix(owner) }
            #expect(try !lines(in: own, with: Self.socketWords, matching: Regex(Self.sockets)).isEmpty, "\(owner)")
        }
        let local = tree.sources.filter { $0.path == Self.localSocket }
        #expect(try lines(in: local, with: ["AF_"], matching: Regex(#"\bAF_(?!UNIX\b)"#)).isEmpty)
    }

    @Test("in the way out, connections are made to permits alone")
    func connectionsNeedPermits() throws {
        let files = tree.sources.filter { $0.path.hasPrefix("Sources/Outbound/") }
        let offences = try lines(
            in: files, with: [".connect("], matching: Regex(#"\.connect\((?!to: permit\.socketAddress\))"#))
        #expect(offences.isEmpty, "\(offences.joined(separator: "\n"))")
        let makers = files.filter { $0.lines.contains { $0.contains("EgressPermit(") } }.map(\.path)
        #expect(makers == ["Sources/Outbound/Policy/EgressGuard.swift"])
    }

    @Test(
        "a socket elsewhere is found",
        arguments: [
            "try await ClientBootstrap(group: g)", "import AsyncHTTPClient", "let s = socket(AF_INET, 1, 0)",
            "URLSession.shared.data(from: u)", "getaddrinfo(host, nil, &hints, &list)",
        ])
    func foreignSocketIsFound(line: String) throws {
        let file = SourceTree.File(path: "Sources/X/Y.swift", lines: [line])
        #expect(try !lines(in: [file], with: Self.socketWords, matching: Regex(Self.sockets)).isEmpty)
    }

    private func lines<Output>(
        in files: [SourceTree.File], with words: [String], matching pattern: Regex<Output>
    ) -> [String] {
        files.flatMap { file in
            file.lines.enumerated().compactMap { number, line in
                guard words.contains(where: line.contains) else { return nil }
                let code = line.trimmingCharacters(in: .whitespaces)
                guard !code.hasPrefix("//"), line.firstMatch(of: pattern) != nil else { return nil }
                return "\(file.path):\(number + 1): \(code)"
            }
        }
    }
}
