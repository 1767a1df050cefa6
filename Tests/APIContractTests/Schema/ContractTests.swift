import APIContract
import Domain
import Encoding
import Testing

@Suite("Bodies are checked whole: every problem is reported with its pointer (RFC 6901)")
struct ContractTests {
    private func problems<Body: WireValue>(
        _ json: JSONValue, _: Body.Type, mode: BodyMode = .whole, strict: Bool = false
    ) -> [String] {
        do {
            _ = try Body.decode(json, mode: mode, refusesUnknownMembers: strict)
            return []
        } catch {
            return error.problems.map { "\($0.pointer) \($0.code)" }
        }
    }

    @Test("all missing members of a new certificate are named together")
    func requiredMembers() {
        #expect(
            problems([:], CreateCertificateRequest.self) == [
                "/name required", "/common_name required", "/owner_id required", "/team_id required",
                "/issuer_id required", "/renewal_policy_id required",
            ]
        )
    }

    static let valid: JSONValue = [
        "name": "api", "common_name": "api.example.com", "owner_id": "o-1", "team_id": "t-1", "issuer_id": "iss-local",
        "renewal_policy_id": "rp-default",
    ]

    @Test(
        "values of the wrong form are named",
        arguments: [
            ("name", JSONValue.integer(1), "/name invalid_type"),
            ("name", .string(String(repeating: "x", count: 256)), "/name too_long"),
            ("name", "a\u{0}b", "/name control_character"),
            ("common_name", "-a.example.com", "/common_name invalid_hostname"),
            ("common_name", "a..example.com", "/common_name invalid_hostname"),
            ("common_name", "a.*.example.com", "/common_name invalid_hostname"),
            ("common_name", "two@at@signs", "/common_name invalid_hostname"),
            ("owner_id", "../etc", "/owner_id invalid_id"),
            ("sans", "a", "/sans invalid_type"),
            ("sans", ["ok.example.com", 7], "/sans/1 invalid_type"),
            ("tags", ["a~/b": 1], "/tags/a~0~1b invalid_type"),
            ("issue", "yes", "/issue invalid_type"),
        ] as [(String, JSONValue, String)]
    )
    func wrongValues(member: String, value: JSONValue, problem: String) {
        var json = Self.valid
        json[member] = value
        #expect(problems(json, CreateCertificateRequest.self) == [problem])
    }

    @Test(
        "names that certificates may carry are accepted",
        arguments: ["api.example.com", "*.example.com", "192.0.2.1", "2001:db8::1", "ops@example.com", "a_b.internal"]
    )
    func names(name: String) {
        var json = Self.valid
        json["common_name"] = .string(name)
        #expect(problems(json, CreateCertificateRequest.self).isEmpty)
    }

    @Test("unknown members are ignored, and refused under strict handling")
    func unknownMembers() {
        var json = Self.valid
        json["colour"] = "red"
        #expect(problems(json, CreateCertificateRequest.self).isEmpty)
        #expect(problems(json, CreateCertificateRequest.self, strict: true) == ["/colour unknown_member"])
    }

    @Test("earlier clients may send null and empty strings for what they leave unset")
    func absent() throws {
        var json = Self.valid
        json["certificate_profile_id"] = ""
        json["sans"] = nil
        json["target_ids"] = .null
        let request = try CreateCertificateRequest.decode(json)
        #expect(request.profileID == nil)
        #expect(request.targetIDs.isEmpty)
    }

    @Test("a PUT tells absent members from sent ones; a merge patch also tells null")
    func updates() throws {
        let put = try UpdateCertificateRequest.decode(["name": "", "tags": [:], "environment": .null])
        #expect(put.name == .keep)
        #expect(put.tags == .set([:]))
        #expect(put.environment == .keep)
        let patch = try UpdateCertificateRequest.decode(
            ["certificate_profile_id": .null, "name": "b"], mode: .mergePatch
        )
        #expect(patch.profileID == .clear)
        #expect(patch.name == .set("b"))
        #expect(patch.ownerID == .keep)
        #expect(problems(["name": .null], UpdateCertificateRequest.self, mode: .mergePatch) == ["/name not_clearable"])
    }

    @Test("an empty name is refused by every update, but of a certificate's PUT, which keeps what it does not name")
    func emptyNames() throws {
        for mode in [BodyMode.whole, .mergePatch] {
            let found = [
                problems(["name": ""], UpdateTeamRequest.self, mode: mode),
                problems(["name": ""], UpdateOwnerRequest.self, mode: mode),
                problems(["name": ""], UpdateIssuerRequest.self, mode: mode),
                problems(["name": ""], UpdateProfileRequest.self, mode: mode),
                problems(["name": ""], UpdateRenewalPolicyRequest.self, mode: mode),
                problems(["name": ""], UpdateTargetRequest.self, mode: mode),
            ]
            #expect(found == Array(repeating: ["/name required"], count: 6), "\(mode)")
            #expect(problems(["agent_id": ""], UpdateTargetRequest.self, mode: mode).count == 1)
        }
        #expect(problems(["name": ""], UpdateCertificateRequest.self).isEmpty)
        #expect(problems(["name": ""], UpdateCertificateRequest.self, mode: .mergePatch) == ["/name required"])
    }

    @Test("the empty string of a PUT clears what can be cleared")
    func emptyTextClears() throws {
        let put = try UpdateOwnerRequest.decode(["team_id": "", "email": .null])
        #expect(put.teamID == .clear)
        #expect(put.email == .keep)
        #expect(problems(["team_id": ""], UpdateOwnerRequest.self, mode: .mergePatch).count == 1)
    }

    @Test("bounds of a renewal policy are reported with pointers")
    func bounds() {
        let json: JSONValue = [
            "name": "x", "renewal_window_days": 0, "max_retries": 11, "retry_interval_seconds": 59,
            "alert_thresholds_days": [366], "alert_channels": ["critical": ["Pigeon"]],
            "alert_severity_map": ["7": "bad"],
        ]
        #expect(
            problems(json, CreateRenewalPolicyRequest.self) == [
                "/renewal_window_days out_of_range", "/max_retries out_of_range",
                "/retry_interval_seconds out_of_range", "/alert_thresholds_days/0 out_of_range",
                "/alert_channels/critical/0 invalid_value", "/alert_severity_map/7 invalid_value",
            ]
        )
    }

    @Test("a never-issued certificate shows the sentinel that older clients need")
    func sentinel() throws {
        let body = CertificateBody { $0.expiresAt = ExpiryTime(nil) }
        #expect(body.json["expires_at"] == "0001-01-01T00:00:00Z")
        #expect(ExpiryTime(wire: "0001-01-01T00:00:00Z")?.time == nil)
    }

    @Test("what is written is read back unchanged")
    func roundTrip() throws {
        let item = WorkItem {
            $0.id = JobID(stored: "job-1")
            $0.certificateID = CertificateID(stored: "mc-1")
            $0.targetConfig = ["cert_path": "/etc/x"]
            $0.operation = .deploy
            $0.leaseExpiresAt = Timestamp(secondsSinceEpoch: 1_800_000_000)
            $0.keySpec = KeySpecBody { $0.size = 384 }
        }
        let decoded = try WorkItem.decode(item.json, mode: .answer)
        #expect(decoded.json == item.json)
        #expect(decoded.leaseExpiresAt == item.leaseExpiresAt)
    }

    @Test("answers of a newer server are read: unknown members and larger values do not matter")
    func newerServer() throws {
        var json = TeamBody { $0.id = TeamID(stored: "t-1") }.json
        json["later"] = [1]
        json["name"] = .string(String(repeating: "x", count: 1000))
        #expect(try TeamBody.decode(json, mode: .answer).name.count == 1000)
    }

    @Test("an enrolled agent and its key stand in one object")
    func registeredAgent() throws {
        let answer = RegisterAgentAnswer {
            $0.agent.id = AgentID(stored: "agent-1")
            $0.agent.name = "edge"
            $0.apiKey = "secret"
        }
        #expect(answer.json["id"] == "agent-1")
        #expect(answer.json["api_key"] == "secret")
        #expect(try RegisterAgentAnswer.decode(answer.json, mode: .answer).agent.name == "edge")
    }
}
