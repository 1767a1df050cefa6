import Domain
import Settings
import Testing

@Suite("the validated configuration of the server")
struct ServerConfigurationTests {
    private func server(_ environment: [String: String]) throws(InvalidConfiguration) -> ServerConfiguration {
        var stage = Stage()
        stage.environment.merge(environment) { $1 }
        return try stage.server()
    }

    private func refusal(_ environment: [String: String]) -> [String] {
        var stage = Stage()
        stage.environment.merge(environment) { $1 }
        return stage.refusals(ServerConfiguration.self)
    }

    @Test("without any configuration there is a complete one")
    func zeroConfiguration() throws {
        let server = try server([:])
        #expect(server.listener.publicURL.text == "https://localhost:8443")
        #expect(server.shutdownBudget == .seconds(30))
        guard case .sqlite(let path) = server.database.location, case .generated = server.tls.material else {
            Issue.record("not SQLite with a generated certificate")
            return
        }
        #expect(path == "/home/ada/.local/share/certctl/certctl.db")
        #expect(server.subordinateCA == nil)
    }

    @Test("§3.6: the data directory of root, of systemd, of a user, of nobody")
    func dataDirectory() throws {
        var stage = Stage()
        #expect(try stage.server().dataDirectory == "/home/ada/.local/share/certctl")
        stage.environment["XDG_DATA_HOME"] = "/data"
        #expect(try stage.server().dataDirectory == "/data/certctl")
        stage.environment["STATE_DIRECTORY"] = "/var/lib/certctl"
        #expect(try stage.server().dataDirectory == "/var/lib/certctl")
        var root = Stage(environment: [:], userID: 0)
        #expect(try root.server().dataDirectory == "/var/lib/certctl")
        root.userID = 1000
        #expect(root.refusals(ServerConfiguration.self).map { $0.prefix(16) } == ["CERTCTL_DATA_DIR"])
    }

    @Test("certificate and key are given together or not at all")
    func keyPairs() throws {
        #expect(refusal(["CERTCTL_SERVER_TLS_CERT_PATH": "/c"]).count == 1)
        #expect(refusal(["CERTCTL_SERVER_TLS_MODE": "files"]).count == 1)
        #expect(refusal(["CERTCTL_CA_KEY_PATH": "/k"]).count == 1)
        let paths = ["CERTCTL_SERVER_TLS_CERT_PATH": "/c", "CERTCTL_SERVER_TLS_KEY_PATH": "/k"]
        #expect(refusal(paths.merging(["CERTCTL_SERVER_TLS_MODE": "auto"]) { $1 }).count == 1)
        guard case .files(let pair) = try server(paths).tls.material else {
            Issue.record("the paths have no effect")
            return
        }
        #expect(pair.certificate == "/c" && pair.key == "/k")
    }

    @Test(
        "§4.3: PostgreSQL elsewhere is verified unless the operator says otherwise",
        arguments: [
            ("postgres://u@db.example.com/c", "postgres://u@db.example.com/c?sslmode=verify-full"),
            ("postgres://u@db.example.com/c?x=1", "postgres://u@db.example.com/c?x=1&sslmode=verify-full"),
            ("postgres://u@db.example.com/c?sslmode=require", "postgres://u@db.example.com/c?sslmode=require"),
            ("postgres://u@localhost:5432/c", "postgres://u@localhost:5432/c"),
            ("postgres://u@postgres/c", "postgres://u@postgres/c"),
            ("postgresql://u@db.x.svc.cluster.local/c", "postgresql://u@db.x.svc.cluster.local/c"),
            ("postgres:///c?host=/run/postgresql", "postgres:///c?host=/run/postgresql"),
            ("postgres://u@[::1]:5432/c", "postgres://u@[::1]:5432/c"),
            ("postgres://localhost,db.example.com/c", "postgres://localhost,db.example.com/c?sslmode=verify-full"),
        ])
    func transport(url: String, effective: String) throws {
        let environment = [
            "CERTCTL_DATABASE_URL": url, "CERTCTL_CONFIG_ENCRYPTION_KEY": "0123456789abcdef-0123456789abcdef",
        ]
        guard case .postgres(let secret) = try server(environment).database.location else {
            Issue.record("not PostgreSQL")
            return
        }
        #expect(secret.withText { $0 } == effective)
    }

    @Test(
        "an unverified connection to another host needs an acknowledgement", arguments: ["disable", "allow", "prefer"])
    func insecureTransport(mode: String) throws {
        var environment = [
            "CERTCTL_DATABASE_URL": "postgres://u:pw@db.example.com/c?sslmode=\(mode)",
            "CERTCTL_CONFIG_ENCRYPTION_KEY": "0123456789abcdef-0123456789abcdef",
        ]
        #expect(refusal(environment).count == 1)
        environment["CERTCTL_DATABASE_INSECURE_ACK"] = "true"
        #expect(try server(environment).database.isShared)
    }

    @Test("the password of the environment is put in percent-encoded, and must be there")
    func password() throws {
        var environment = [
            "CERTCTL_DATABASE_URL": "postgres://u:$(POSTGRES_PASSWORD)@localhost/c",
            "CERTCTL_CONFIG_ENCRYPTION_KEY": "0123456789abcdef-0123456789abcdef",
        ]
        #expect(refusal(environment).count == 1)
        environment["POSTGRES_PASSWORD"] = "p@ss/wörd"
        guard case .postgres(let url) = try server(environment).database.location else {
            Issue.record("not PostgreSQL")
            return
        }
        #expect(url.withText { $0 } == "postgres://u:p%40ss%2Fw%C3%B6rd@localhost/c")
    }

    @Test("PostgreSQL needs an explicit encryption key, SQLite does not")
    func encryptionKey() {
        #expect(refusal(["CERTCTL_DATABASE_URL": "postgres://localhost/c"]).count == 1)
        #expect(refusal(["CERTCTL_DATABASE_URL": "sqlite:/tmp/x.db"]) == [])
        var stage = Stage()
        stage.environment["CERTCTL_DATABASE_URL"] = "postgres://localhost/c"
        #expect(stage.refusals(SchemaConfiguration.self) == [], "the schema is not sealed")
    }

    @Test("numbers with a meaning of their own")
    func normalised() throws {
        let server = try server([
            "CERTCTL_AUDIT_FLUSH_TIMEOUT_SECONDS": "0", "CERTCTL_DEPLOY_BACKUP_RETENTION": "-1",
            "CERTCTL_RATE_LIMIT_BUCKET_TTL": "5s", "KUBERNETES_SERVICE_HOST": "10.0.0.1",
            "CERTCTL_MIGRATIONS_VIA_HOOK": "yes", "CERTCTL_DATABASE_MAX_CONNS": "50",
        ])
        #expect(server.shutdownBudget == .seconds(30))
        #expect(server.deployment.backupRetention == nil)
        #expect(server.rateLimit.bucketTTL == .seconds(60))
        #expect(server.drainDelay == .seconds(5))
        #expect(server.database.migrations == .check)
        #expect(server.database.maxConnections == 16)
    }

    @Test("burst is at least the rate; users inherit the limits of addresses")
    func rates() throws {
        #expect(refusal(["CERTCTL_RATE_LIMIT_BURST": "10"]).count == 1)
        let limits = try server(["CERTCTL_RATE_LIMIT_RPS": "20", "CERTCTL_RATE_LIMIT_PER_USER_RPS": "300"]).rateLimit
        #expect(limits.rate == 20 && limits.userRate == 300 && limits.userBurst == 300)
    }

    @Test(
        "the public URL follows the bind address and the port",
        arguments: [
            ("0.0.0.0", "https://localhost:9000"), ("certctl.example.com", "https://certctl.example.com:9000"),
            ("2001:db8::1", "https://[2001:db8::1]:9000"), ("127.0.0.1", "https://localhost:9000"),
        ])
    func publicURL(host: String, url: String) throws {
        let server = try server(["CERTCTL_SERVER_HOST": host, "CERTCTL_SERVER_PORT": "9000"])
        #expect(server.listener.publicURL.text == url)
    }

    @Test("perspectives have names and agents, each agent once, and a quorum that they can make up")
    func perspectives() throws {
        let acme = try server(["CERTCTL_ACME_SERVER_PERSPECTIVES": "eu=edge-1,us=edge 2=x,eu=ag-3"]).acme.perspectives
        #expect(
            acme.perspectives == [
                ACMEPerspective(name: "eu", agents: ["edge-1", "ag-3"]),
                ACMEPerspective(name: "us", agents: ["edge 2=x"]),
            ])
        #expect(acme.quorum == 0)
        #expect(try server([:]).acme.perspectives.perspectives.isEmpty)
        let many = (1...17).map { "p\($0)=edge-\($0)" }.joined(separator: ",")
        for named in ["eu", "EU=edge", "=edge", "eu=", "eu=edge,us=edge", many] {
            #expect(refusal(["CERTCTL_ACME_SERVER_PERSPECTIVES": named]).count == 1, "\(named)")
        }
        let quorum = [
            "CERTCTL_ACME_SERVER_PERSPECTIVES": "eu=a,eu=b,us=c", "CERTCTL_ACME_SERVER_PERSPECTIVE_QUORUM": "3",
        ]
        #expect(refusal(quorum).count == 1)
        #expect(refusal(["CERTCTL_ACME_SERVER_PERSPECTIVE_QUORUM": "1"]).count == 1)
    }
}
