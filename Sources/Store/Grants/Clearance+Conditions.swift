package import Domain
package import Query

extension Clearance {
    /// What a certificate (as `c`) meets when it lies in reach; nothing when the reach has no bounds.
    var certificateConditions: [SQL] {
        guard !reach.isEverywhere else { return [] }
        return [
            """
            (c.issuer_id IN \(list: reach.issuers.sorted())
                OR c.certificate_profile_id IN \(list: reach.profiles.sorted()))
            """
        ]
    }

    /// The same of a job, which lies where its certificate does.
    var jobConditions: [SQL] {
        guard !reach.isEverywhere else { return [] }
        return [
            """
            EXISTS (SELECT 1 FROM managed_certificates c
                WHERE c.id = jobs.certificate_id AND \(fragment: SQL.joined(certificateConditions, by: " AND ")))
            """
        ]
    }

    /// The same of an issuer.
    var issuerConditions: [SQL] { reach.isEverywhere ? [] : ["id IN \(list: reach.issuers.sorted())"] }

    /// The same of a profile.
    var profileConditions: [SQL] { reach.isEverywhere ? [] : ["id IN \(list: reach.profiles.sorted())"] }
}

extension Certificate {
    /// Where the certificate lies, for access decisions.
    package var scopes: ObjectScopes { fields.scopes }
}

extension CertificateFields {
    package var scopes: ObjectScopes { ObjectScopes(issuer: issuerID, profile: profileID) }
}

extension CertificateStore {
    /// The certificate; one that lies out of reach is not there.
    package func get(
        _ id: CertificateID,
        within clearance: Clearance,
        in tx: any Transaction
    ) throws -> Certificate {
        try Self.visible(try get(id, in: tx), clearance)
    }

    /// The certificate, locked until the transaction ends; one that lies out of reach is not there.
    package func lock(
        _ id: CertificateID,
        within clearance: Clearance,
        in tx: any Transaction
    ) throws -> Certificate {
        try Self.visible(try lock(id, in: tx), clearance)
    }

    private static func visible(_ certificate: Certificate, _ clearance: Clearance) throws -> Certificate {
        guard clearance.covers(certificate.scopes) else {
            throw StoreError.notFound(.certificate, id: certificate.id.text)
        }
        return certificate
    }

    /// Which of these certificates lie in reach, in one statement.
    package func visible(
        among ids: Set<CertificateID>,
        within clearance: Clearance,
        in tx: any Transaction
    ) throws -> Set<CertificateID> {
        guard !ids.isEmpty, !clearance.reach.isEverywhere else { return ids }
        let conditions: [SQL] = ["c.id IN \(list: ids.sorted())"] + clearance.certificateConditions
        let rows = try tx.rows(
            "SELECT c.id FROM managed_certificates c WHERE \(fragment: SQL.joined(conditions, by: " AND "))"
        )
        return Set(try rows.map { try $0.id("id") })
    }
}

extension JobStore {
    /// The job; one whose certificate lies out of reach is not there.
    package func get(_ id: JobID, within clearance: Clearance, in tx: any Transaction) throws -> Job {
        let job = try get(id, in: tx)
        guard try visible(among: [id], within: clearance, in: tx).contains(id) else {
            throw StoreError.notFound(.job, id: id.text)
        }
        return job
    }

    /// Which of these jobs lie in reach, in one statement; none is asked where the reach has no bounds.
    package func visible(
        among ids: Set<JobID>,
        within clearance: Clearance,
        in tx: any Transaction
    ) throws -> Set<JobID> {
        guard !ids.isEmpty, !clearance.reach.isEverywhere else { return ids }
        let conditions: [SQL] = ["id IN \(list: ids.sorted())"] + clearance.jobConditions
        let rows = try tx.rows("SELECT id FROM jobs WHERE \(fragment: SQL.joined(conditions, by: " AND "))")
        return Set(try rows.map { try $0.id("id") })
    }
}
