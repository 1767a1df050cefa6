import DatabaseTestSupport
import Domain
import Query
import Store
import Testing

@Suite("Domain §3.14: approvals of each kind, alike on both engines")
struct ApprovalRulesTests {
    /// What the rows around an approval are called.
    struct Place: Sendable {
        let certificate: String
        let job: String
        let otherJob: String
        let profile: String
        let time: Timestamp
    }

    private static func insert(
        _ id: String, _ place: Place, kind: String = "cert_issuance", certificate: String? = nil, job: String? = nil,
        payload: String? = nil, state: String = "pending", decidedAt: Timestamp? = nil, decidedBy: String? = nil
    ) -> SQL {
        """
        INSERT INTO issuance_approval_requests (id, approval_kind, certificate_id, job_id, profile_id, requested_by,
            payload, state, decided_at, decided_by)
        VALUES (\(id), \(kind), \(certificate), \(job), \(place.profile), 'alice',
            \(payload.map { Value.json($0) } ?? .null), \(state), \(decidedAt), \(decidedBy))
        """
    }

    private static func script(_ place: Place) -> [(sql: SQL, refusedBy: String?)] {
        let prefix = "issuance_approval_requests"
        let (certificate, job, edit) = (place.certificate, place.job, #"{"name":"n"}"#)
        return [
            (insert("a-1", place, certificate: certificate, job: job), nil),
            (insert("a-2", place, certificate: certificate, job: job), "\(prefix)_pending_job_key"),
            (insert("a-3", place, certificate: certificate, job: place.otherJob), nil),
            (insert("a-4", place, certificate: certificate), "\(prefix)_kind_shape"),
            (insert("a-5", place, job: job), "\(prefix)_kind_shape"),
            (insert("a-6", place, kind: "profile_edit"), "\(prefix)_kind_shape"),
            (insert("a-7", place, kind: "profile_edit", job: job, payload: edit), "\(prefix)_kind_shape"),
            (insert("a-8", place, kind: "profile_edit", payload: edit), nil),
            (insert("a-9", place, kind: "profile_edit", payload: edit), "\(prefix)_pending_edit_key"),
            (insert("a-10", place, kind: "ca_operation", payload: edit), "\(prefix)_kind_enum"),
            (insert("a-16", place, kind: "role_grant", payload: edit), "\(prefix)_kind_shape"),
            (insert("a-17", place, kind: "bulk_revoke", payload: edit), "\(prefix)_kind_shape"),
            (
                insert("a-11", place, kind: "profile_edit", payload: edit, state: "bypassed", decidedAt: place.time),
                "\(prefix)_state_enum"
            ),
            (insert("a-12", place, kind: "profile_edit", payload: edit, state: "rejected"), "\(prefix)_decision_shape"),
            (
                insert("a-13", place, kind: "profile_edit", payload: edit, decidedAt: place.time),
                "\(prefix)_decision_shape"
            ),
            (
                insert("a-14", place, kind: "profile_edit", payload: edit, decidedBy: "bob"),
                "\(prefix)_decision_shape"
            ),
            (
                insert(
                    "a-15", place, kind: "profile_edit", payload: edit, state: "expired", decidedAt: place.time), nil
            ),
            (
                "UPDATE issuance_approval_requests SET base_updated_at = \(place.time) WHERE id = 'a-1'",
                "\(prefix)_base_shape"
            ),
            ("UPDATE issuance_approval_requests SET base_updated_at = \(place.time) WHERE id = 'a-8'", nil),
            (
                "UPDATE issuance_approval_requests SET requested_by_type = 'robot' WHERE id = 'a-8'",
                "\(prefix)_requester_type_enum"
            ),
        ]
    }

    @Test("what each kind must carry, and how many may be open", arguments: Engine.available)
    func kinds(engine: Engine) async throws {
        try await TestDatabase.with(engine) { database in
            let place = try await Self.place(in: database)
            for (index, step) in Self.script(place).enumerated() {
                let refusedBy = try await ScopedGrantTests.refusal(step.sql, database)
                #expect(refusedBy == step.refusedBy, "step \(index + 1)")
            }
        }
    }

    @Test("a decision is final", arguments: Engine.available)
    func decisionsAreFinal(engine: Engine) async throws {
        try await TestDatabase.with(engine) { database in
            let place = try await Self.place(in: database)
            let approve: SQL = """
                UPDATE issuance_approval_requests SET state = 'approved', decided_at = \(place.time), decided_by = 'bob'
                WHERE id = 'a-1'
                """
            try await database.write {
                try $0.execute(Self.insert("a-1", place, certificate: place.certificate, job: place.job))
                try $0.execute(approve)
            }
            for change: SQL in [
                "UPDATE issuance_approval_requests SET state = 'rejected' WHERE id = 'a-1'",
                "UPDATE issuance_approval_requests SET decided_by = 'carol' WHERE id = 'a-1'",
            ] {
                let error = await #expect(throws: DatabaseError.self) {
                    try await database.write { _ = try $0.execute(change) }
                }
                #expect(
                    error?.message.contains("a decided approval never changes") == true, "\(String(describing: error))")
            }
        }
    }

    @Test("what was asked for stays what was asked for", arguments: Engine.available)
    func subjectsAreFinal(engine: Engine) async throws {
        try await TestDatabase.with(engine) { database in
            let place = try await Self.place(in: database)
            let payload = #"{"op":"update"}"#
            try await database.write {
                try $0.execute(Self.insert("a-1", place, kind: "profile_edit", payload: payload))
            }
            for change: SQL in [
                "UPDATE issuance_approval_requests SET payload = \(Value.json(#"{"op":"delete"}"#)) WHERE id = 'a-1'",
                "UPDATE issuance_approval_requests SET requested_by = 'carol' WHERE id = 'a-1'",
                "UPDATE issuance_approval_requests SET profile_id = 'other' WHERE id = 'a-1'",
            ] {
                let error = await #expect(throws: DatabaseError.self) {
                    try await database.write { _ = try $0.execute(change) }
                }
                #expect(
                    error?.message.contains("the subject of an approval never changes") == true,
                    "\(String(describing: error))")
            }
        }
    }

    @Test("an approval goes with its job or certificate, and outlives its profile", arguments: Engine.available)
    func references(engine: Engine) async throws {
        try await TestDatabase.with(engine) { database in
            let place = try await Self.place(in: database)
            try await database.write {
                try $0.execute(Self.insert("a-1", place, certificate: place.certificate, job: place.job))
                try $0.execute(Self.insert("a-2", place, certificate: place.certificate, job: place.otherJob))
            }
            try await database.write {
                try $0.execute(Self.insert("a-3", place, kind: "profile_edit", payload: "{}"))
            }
            let left: @Sendable () async throws -> Int = {
                try await database.read { try $0.rows("SELECT id FROM issuance_approval_requests").count }
            }
            try await database.write { _ = try $0.execute("DELETE FROM jobs WHERE id = \(place.job)") }
            #expect(try await left() == 2)
            try await database.write { _ = try $0.execute("DELETE FROM managed_certificates") }
            #expect(try await left() == 1)
            try await database.write {
                _ = try $0.execute("DELETE FROM certificate_profiles WHERE id = \(place.profile)")
            }
            #expect(try await left() == 1)
        }
    }

    private static func place(in database: any Database) async throws -> Place {
        let seed = try await database.seed()
        return try await database.write { tx in
            let certificate = try seed.certificate(in: tx)
            try tx.execute(
                """
                INSERT INTO jobs (id, type, certificate_id, status) VALUES
                ('job-a', 'Issuance', \(certificate.id), 'AwaitingApproval'),
                ('job-b', 'Issuance', \(certificate.id), 'AwaitingApproval')
                """
            )
            return Place(
                certificate: certificate.id.text, job: "job-a", otherJob: "job-b", profile: seed.profile.text,
                time: tx.now
            )
        }
    }
}
