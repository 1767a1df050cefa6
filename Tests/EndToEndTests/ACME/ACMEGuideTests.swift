import Foundation
import TestSupport
import Testing

/// What the guide for ACME clients tells people to type, by sections.
struct ClientGuide {
    struct Section {
        let title: String
        /// Blocks of code, and code within sentences; lines that go on are one.
        var blocks: [String] = []
        var spans: [String] = []
    }

    static let path = "docs/operators/acme-clients.md"
    let text: String
    private(set) var sections: [Section] = []

    init() throws {
        text = try String(contentsOfFile: Judges.file(Self.path), encoding: .utf8)
        var section = Section(title: "")
        var block: [String]?
        var prose = ""
        func spans() -> [String] {
            prose.split(separator: "`", omittingEmptySubsequences: false).enumerated().filter { $0.offset % 2 == 1 }
                .map { String($0.element).replacing("\n", with: " ") }
        }
        for line in text.components(separatedBy: "\n") {
            if line.hasPrefix("```") {
                if let lines = block {
                    section.blocks.append(lines.joined(separator: "\n").replacing("\\\n", with: " "))
                    block = nil
                } else {
                    block = []
                }
            } else if block != nil {
                block?.append(line)
            } else if line.hasPrefix("## ") {
                section.spans = spans()
                sections.append(section)
                (section, prose) = (Section(title: String(line.dropFirst(3))), "")
            } else {
                prose += line + "\n"
            }
        }
        section.spans = spans()
        sections.append(section)
    }

    func section(_ title: String) throws -> Section { try #require(sections.first { $0.title == title }, "\(title)") }

    /// The options that a section gives to a program: in commands, and in sentences that name options alone.
    func options(of program: String, in section: Section) -> Set<String> {
        let commands = section.blocks.flatMap { $0.components(separatedBy: "\n") } + section.spans
        var options: Set<String> = []
        for command in commands {
            var words = command.split(separator: " ").map(String.init)[...]
            if let place = words.firstIndex(of: program) {
                words = words[(place + 1)...]
            } else if !command.hasPrefix("-") {
                continue
            }
            words = words.prefix { !["|", "&&", ";"].contains($0) }
            options.formUnion(words.filter { $0.hasPrefix("-") }.map { $0.trimmingCharacters(in: [",", "."]) })
        }
        return options
    }
}

@Suite("The guide for ACME clients says what the clients and the server know", .tags(.slow))
struct ACMEGuideTests {
    /// Which programs tell of the options that a section gives to one.
    private static let helps: [(title: String, program: String, helps: [[String]])] = [
        ("certbot", "certbot", [["certbot", "--help", "all"]]),
        (
            "lego", "lego",
            [
                ["lego", "--help"], ["lego", "run", "--help"], ["lego", "renew", "--help"],
                ["lego", "revoke", "--help"],
            ]
        ),
        ("dehydrated", "dehydrated", [["dehydrated", "--help"]]),
        ("uacme", "uacme", [["uacme", "--help"]]),
        ("acme-tiny", "acme-tiny", [["acme-tiny", "--help"]]),
        ("acmetool", "acmetool", [["acmetool", "--help-long"]]),
    ]

    private static func knows(_ help: String, _ option: String) -> Bool {
        help.split { !($0.isLetter || $0.isNumber || "-._".contains($0)) }.contains { $0 == option }
    }

    @Test("every option that it gives to a client is one of the client", arguments: 0..<6)
    func options(number: Int) async throws {
        let (title, program, helps) = Self.helps[number]
        let guide = try ClientGuide()
        let work = try TemporaryDirectory("guide")
        let options = guide.options(of: program, in: try guide.section(title))
        #expect(options.count >= 3, "\(program): \(options)")
        var help = ""
        for command in helps {
            let outcome = try await runProgram(
                "/usr/bin/env", command, environment: ["HOME": work.url.path, "PATH": "/usr/bin:/bin"], logs: work.url)
            help += outcome.output + outcome.errors
        }
        // What the guide says of a later certbot is known to that one, which `scripts/judges` fetches.
        let hasLater = FileManager.default.fileExists(atPath: Judges.file(".build/judges/certbot"))
        if program == "certbot", hasLater {
            help += try await Judges.certbot(
                ["--help", "all"], environment: ["HOME": work.url.path], logs: work.url
            ).output
        }
        for option in options.sorted() where hasLater || !option.hasSuffix("-profile") {
            #expect(Self.knows(help, option), "\(program) \(option)")
        }
        if program == "lego" {
            let zone = try await runProgram("/usr/bin/lego", ["dnshelp", "-c", "rfc2136"], logs: work.url)
            for name in ["RFC2136_NAMESERVER", "RFC2136_TSIG_KEY"] {
                #expect(guide.text.contains(name) && (zone.output + zone.errors).contains(name), "\(name)")
            }
        }
    }

    @Test("the configurations of dehydrated, lacme, Caddy and Apache are read by them as they stand")
    func configurations() async throws {
        let guide = try ClientGuide()
        let work = try TemporaryDirectory("guide")
        let script = try String(contentsOfFile: "/usr/bin/dehydrated", encoding: .utf8)
        let settings = try #require(try guide.section("dehydrated").blocks.first)
        for line in settings.split(separator: "\n") {
            let name = try #require(line.split(separator: "=").first)
            #expect(script.contains("${\(name)") || script.contains("$\(name)"), "dehydrated knows no \(name)")
        }

        // lacme names its settings and options without their dashes and without the sections of its files.
        let lacme = try String(contentsOfFile: "/usr/sbin/lacme", encoding: .utf8)
        let accountd = try String(contentsOfFile: "/usr/bin/lacme-accountd", encoding: .utf8)
        let files = try guide.section("lacme")
        let lines = files.blocks.flatMap { $0.components(separatedBy: "\n") }
        let named = lines.filter { $0.contains(" = ") }.map { String($0.prefix { $0 != " " }) }
        #expect(named.count >= 10 && Set(named).contains("privkey"))
        for name in named { #expect((lacme + accountd).contains(name), "lacme knows no \(name)") }
        for option in guide.options(of: "lacme", in: files) {
            #expect(lacme.contains(option.dropFirst(2)), "lacme knows no \(option)")
        }

        let sites = try guide.section("Caddy").blocks
        #expect(sites.count == 2)
        try sites.joined(separator: "\n\n").write(
            toFile: work.path("Caddyfile"), atomically: true, encoding: .utf8)
        let adapted = try await runProgram(
            "/usr/bin/caddy", ["adapt", "--adapter", "caddyfile", "--config", work.path("Caddyfile")],
            environment: ["HOME": work.url.path], logs: work.url)
        #expect(adapted.status == 0, "\(adapted.errors)")
        for member in ["external_account", "trusted_roots_pem_files", "ca.example.com:8443/acme/directory"] {
            #expect(adapted.output.contains(member), "\(member): \(adapted.output)")
        }

        let directives = try #require(try guide.section("Apache").blocks.first)
        let modules = ["mpm_event", "authz_core", "socache_shmcb", "ssl", "md", "watchdog"].filter { name in
            FileManager.default.fileExists(atPath: "/usr/lib/apache2/modules/mod_\(name).so")
        }.map { "LoadModule \($0)_module /usr/lib/apache2/modules/mod_\($0).so\n" }.joined()
        let trust = work.path("ca.pem")
        let made = try await runProgram(
            "/usr/bin/openssl",
            [
                "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-subj", "/CN=ca",
                "-keyout", work.path("ca.key"), "-out", trust,
            ], logs: work.url)
        #expect(made.status == 0, "\(made.errors)")
        try """
        ServerRoot \(work.url.path)
        ServerName 127.0.0.1
        PidFile \(work.path("apache.pid"))
        DefaultRuntimeDir \(work.url.path)
        Mutex file:\(work.url.path)
        ErrorLog \(work.path("apache.log"))
        \(modules)MDStoreDir \(work.path("md"))
        Listen 127.0.0.1:4443
        \(directives.replacing("/etc/apache2/certctl-ca.crt", with: trust))

        """.write(toFile: work.path("apache.conf"), atomically: true, encoding: .utf8)
        let checked = try await runProgram(
            "/usr/sbin/apache2", ["-t", "-f", work.path("apache.conf")], logs: work.url)
        #expect(checked.status == 0, "\(checked.errors)")
    }

    @Test("every address that it names is served, every setting declared, every command of certctl there")
    func addresses() async throws {
        let guide = try ClientGuide()
        let stage = try await ACMEStage.make(.sqlite)
        let words = guide.text.split { " \n`\"()".contains($0) }.map(String.init)
        let origin = "https://ca.example.com:8443"
        let paths = Set(words.filter { $0.hasPrefix("\(origin)/") }.map { String($0.dropFirst(origin.count)) })
        #expect(paths == ["/acme/directory"])
        let fetched = zip(words, words.dropFirst()).filter { $0.0 == "GET" }.map(\.1)
        #expect(fetched == ["/api/v1/ca/control-plane"])
        for path in paths.union(fetched) {
            #expect(try await stage.server.anonymous.get(path).status == 200, "\(path)")
        }
        let settings = try String(contentsOfFile: Judges.file("docs/reference/settings.md"), encoding: .utf8)
        let named = words.map { $0.prefix { $0.isUppercase || $0.isNumber || $0 == "_" } }.filter {
            $0.hasPrefix("CERTCTL_")
        }
        #expect(named.count >= 4)
        for name in named { #expect(settings.contains("`\(name)`"), "\(name)") }

        let commands = guide.sections.flatMap(\.spans).filter { $0.hasPrefix("certctl ") }
        #expect(!commands.isEmpty)
        for command in commands {
            let verbs = command.split(separator: " ").dropFirst().prefix { !$0.hasPrefix("-") }.map(String.init)
            let outcome = try await stage.server.cli(verbs + ["--help"])
            #expect(outcome.status == 0, "\(command): \(outcome.errors)")
        }
        await stage.server.stop()
    }
}
