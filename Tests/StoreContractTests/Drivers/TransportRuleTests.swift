import Domain
import PostgresDriver
import Query
import Testing

@Suite("A distant database server is authenticated unless the operator says otherwise (operations §4.3)")
struct TransportRuleTests {
    static let near = [
        "", "localhost", "LOCALHOST", "127.0.0.1", "127.9.8.7", "::1", "/var/run/postgresql", "@abstract", "postgres",
        "certctl-postgres", "db.prod.svc.cluster.local", "localhost,127.0.0.1",
    ]
    static let distant = [
        "db.example.com", "10.0.0.5", "127.0.0.1.example.com", "localhost.example.com", "postgres.example.com",
        "127.0.0", "127.0.0.256", "localhost,db.example.com", "svc.cluster.local.example.com",
    ]

    @Test("near servers keep what libpq does", arguments: near, [nil, "disable", "prefer", "verify-full"])
    func nearServers(hosts: String, named: String?) throws {
        #expect(try TransportRule.sslMode(hosts: hosts, named: named, acceptsInsecure: false) == nil)
    }

    @Test("a distant server without a named mode gets verify-full", arguments: distant)
    func distantDefault(hosts: String) throws {
        #expect(try TransportRule.sslMode(hosts: hosts, named: nil, acceptsInsecure: false) == "verify-full")
        #expect(try TransportRule.sslMode(hosts: hosts, named: nil, acceptsInsecure: true) == "verify-full")
    }

    @Test(
        "modes that do not authenticate need the acknowledgement",
        arguments: distant,
        ["disable", "allow", "prefer"]
    )
    func insecureModes(hosts: String, named: String) throws {
        let error = #expect(throws: DatabaseError.self) {
            try TransportRule.sslMode(hosts: hosts, named: named, acceptsInsecure: false)
        }
        #expect(error?.message.contains("CERTCTL_DATABASE_INSECURE_ACK") == true)
        #expect(try TransportRule.sslMode(hosts: hosts, named: named, acceptsInsecure: true) == nil)
    }

    @Test("other named modes stand", arguments: ["require", "verify-ca", "verify-full"])
    func namedModes(named: String) throws {
        #expect(try TransportRule.sslMode(hosts: "db.example.com", named: named, acceptsInsecure: false) == nil)
    }

    @Test(
        "the parameter of ours leaves the URL, and every other stays",
        arguments: [
            ("postgres://h/d", "postgres://h/d", false),
            ("postgres://h/d?sslmode=require", "postgres://h/d?sslmode=require", false),
            ("postgres://h/d?certctl_pgbouncer=1", "postgres://h/d", true),
            ("postgres://h/d?a=1&certctl_pgbouncer=1&b=2", "postgres://h/d?a=1&b=2", true),
            ("postgres://h/d?certctl_pgbouncer=0", "postgres://h/d", false),
        ]
    )
    func poolerMark(url: String, rest: String, isPooled: Bool) {
        let split = PoolerMark.split(url)
        #expect(split.url == rest)
        #expect(split.isPooled == isPooled)
    }
}

@Suite("Connection URLs")
struct ConnectionURLTests {
    @Test(
        "a URL that cannot be read is refused without repeating it",
        arguments: [
            "postgres://user:S3cret@host:port/db", "postgres://user:S3cret/@host/db", "postgres://user:S3cret@[::1/db",
            "postgres://h/d?S3cret=1", "not a url S3cret",
        ]
    )
    func malformed(url: String) throws {
        let error = #expect(throws: DatabaseError.self) {
            try PostgresDatabase(PostgresConfiguration(url: Secret(url)))
        }
        #expect(error?.description.contains("S3cret") == false)
        #expect(error?.message.contains("percent-encode") == true)
    }
}
