import Deployment
import Domain
import Encoding
import PKI
import Testing

@testable import AgentRuntime

@Suite("nothing of a work item is trusted before it was parsed")
struct WorkIntakeTests {
    static let deploymentItem: JSONValue = [
        "id": "job-1", "type": "Deployment", "status": "Running", "certificate_id": "cert-1", "target_id": "tgt-1",
        "target_type": "NGINX", "target_config": ["cert_path": "/tls/cert.pem", "key_path": "/tls/key.pem"],
        "attempt": 2, "version_id": "certver-1", "fingerprint_sha256": "AB", "operation": "deploy",
    ]
    static let csrItem: JSONValue = [
        "id": "job-2", "type": "Renewal", "status": "AwaitingCSR", "certificate_id": "cert-1",
        "common_name": "www.example.test", "sans": ["www.example.test", "192.0.2.1", "a@example.test", "spiffe://a/b"],
        "key_spec": ["algorithm": "ECDSA", "size": 384], "ext": ["must_staple": true, "ekus": ["serverAuth"]],
    ]

    private static func changed(_ item: JSONValue, _ member: String, _ value: JSONValue?) -> JSONValue {
        var item = item
        item[member] = value
        return item
    }

    private func failure(_ item: JSONValue) -> JobFailure? {
        if case .refused(_, _, let failure) = WorkIntake.assess(item) { failure } else { nil }
    }

    @Test("a deployment is understood with its attempt and version")
    func deployment() throws {
        guard case .work(.deployment(let work)) = WorkIntake.assess(Self.deploymentItem) else {
            return #expect(Bool(false), "not a deployment")
        }
        #expect(work.attempt == 2)
        #expect(work.version?.text == "certver-1")
        #expect(work.config["key_path"] == "/tls/key.pem")
        #expect(work.item == Self.deploymentItem)
        #expect(!work.isForced)
        guard case .work(.deployment(let forced)) = WorkIntake.assess(Self.changed(Self.deploymentItem, "force", true))
        else { return #expect(Bool(false), "not a deployment") }
        #expect(forced.isForced)
    }

    @Test("the test of a target needs no certificate; another validation is left alone")
    func hostTest() throws {
        var item = Self.changed(Self.changed(Self.deploymentItem, "type", "Validation"), "operation", "test")
        item["certificate_id"] = nil
        guard case .work(.test(let work)) = WorkIntake.assess(item) else {
            return #expect(Bool(false), "not a test")
        }
        #expect(work.target.text == "tgt-1" && work.config["cert_path"] == "/tls/cert.pem" && work.attempt == 2)
        for change in [("target_type", "NoSuchThing"), ("target_id", "../x")] as [(String, JSONValue)] {
            #expect(failure(Self.changed(item, change.0, change.1))?.code == .configInvalid)
        }
        guard case .ignored = WorkIntake.assess(Self.changed(item, "operation", "verify")) else {
            return #expect(Bool(false), "not ignored")
        }
    }

    @Test("a signing request is understood with typed names, key and extensions")
    func csr() throws {
        guard case .work(.csr(let work)) = WorkIntake.assess(Self.csrItem) else {
            return #expect(Bool(false), "not a CSR job")
        }
        #expect(work.subjectAltNames.map(\.kind) == [.dns, .ip, .email, .uri])
        #expect(work.keySpec == .ecdsaP384)
        #expect(work.mustStaple)
        #expect(work.extendedKeyUsages == [.serverAuth])
        #expect(work.attempt == 1)
    }

    @Test(
        "an identifier that could leave its directory is refused before any disk access",
        arguments: [
            "../x", "/etc/passwd", "a/b", ".hidden", "..", ".", "a\u{0}b", "a\\b", "",
            String(repeating: "a", count: 129),
        ]
    )
    func hostileIdentifiers(text: String) {
        for member in ["certificate_id", "target_id"] {
            let failure = failure(Self.changed(Self.deploymentItem, member, .string(text)))
            #expect(failure?.code == .configInvalid, "\(member)")
            #expect(failure?.message.contains(member) == true, "\(member)")
        }
        #expect(failure(Self.changed(Self.csrItem, "certificate_id", .string(text)))?.code == .configInvalid)
        if !text.isEmpty {
            #expect(failure(Self.changed(Self.deploymentItem, "version_id", .string(text)))?.code == .configInvalid)
        }
        guard case .unreportable = WorkIntake.assess(Self.changed(Self.deploymentItem, "id", .string(text))) else {
            return #expect(Bool(false), "a job of that identifier must not be reported on")
        }
    }

    @Test(
        "a redacted setting is refused, wherever it stands, and named",
        arguments: [
            (["key_path": "********"], "/key_path"), (["a": ["b": ["x", "********"]]], "/a/b/1"),
        ] as [(JSONValue, String)]
    )
    func redacted(config: JSONValue, pointer: String) {
        let failure = failure(Self.changed(Self.deploymentItem, "target_config", config))
        #expect(failure?.code == .configInvalid)
        #expect(failure?.message.contains(pointer) == true)
    }

    static let impossible: [(JSONValue, String, JSONValue, String)] = [
        (deploymentItem, "target_type", "Toaster", "connector init failed"),
        (deploymentItem, "operation", "rollback", "rollback"),
        (deploymentItem, "target_config", "text", "another form"),
        (csrItem, "common_name", "", "no common name"),
        (csrItem, "sans", ["a..b"], "a..b"),
        (csrItem, "sans", ["*.*.test"], "cannot be certified"),
        (csrItem, "key_spec", ["algorithm": "RSA", "size": 1024], "1024"),
        (csrItem, "ext", ["ekus": ["everything"]], "everything"),
    ]

    @Test("what this agent cannot do fails with its reason", arguments: Self.impossible)
    func refused(item: JSONValue, member: String, value: JSONValue, reason: String) {
        let failure = failure(Self.changed(item, member, value))
        #expect(failure?.code == .configInvalid)
        #expect(failure?.message.contains(reason) == true, "\(failure?.message ?? "no failure")")
    }

    @Test("a deployment without a target is done by definition; other work is left alone")
    func others() {
        guard
            case .nothingToDo(_, attempt: 2) = WorkIntake.assess(Self.changed(Self.deploymentItem, "target_type", nil))
        else {
            return #expect(Bool(false), "must complete")
        }
        for item in [
            Self.changed(Self.deploymentItem, "type", "Validation"), Self.changed(Self.csrItem, "status", "Running"),
            Self.changed(Self.deploymentItem, "type", nil),
        ] {
            guard case .ignored = WorkIntake.assess(item) else {
                return #expect(Bool(false), "must be ignored: \(item)")
            }
        }
    }

    @Test("JSON of any other kind is no work", arguments: [.null, 3, "text", [], ["id": 3]] as [JSONValue])
    func noObject(item: JSONValue) {
        guard case .unreportable = WorkIntake.assess(item) else { return #expect(Bool(false), "\(item)") }
    }
}
