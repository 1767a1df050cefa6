package import Query

/// A column that holds sealed values. A rotation walks through every one of them, so each has its line in ``all``.
package struct SealedColumn: Sendable, CustomStringConvertible {
    package let table: String
    package let column: String
    private let tableSQL: SQL
    private let columnSQL: SQL
    /// The text that the seals name the row by.
    private let keySQL: SQL
    /// Rows may hold something in the clear that was never a secret; it begins with none of our formats.
    package let isMixed: Bool

    /// - `key`: The expression that yields the `rowID` of the seals' place.
    init(_ table: StaticString, _ column: StaticString, key: SQL = "id", isMixed: Bool = false) {
        self.table = "\(table)"
        self.column = "\(column)"
        tableSQL = SQL(stringLiteral: table)
        columnSQL = SQL(stringLiteral: column)
        keySQL = key
        self.isMixed = isMixed
    }

    package var description: String { "\(table).\(column)" }

    /// Every column that a sealer writes.
    package static let all = [
        SealedColumn("issuers", "encrypted_config"),
        SealedColumn("deployment_targets", "encrypted_config"),
        SealedColumn("ca_keys", "pkcs8_encrypted"),
        SealedColumn("certificate_versions", "key_material_encrypted"),
        SealedColumn("control_plane_tls", "private_key_encrypted", key: "CAST(id AS TEXT)"),
        SealedColumn("audit_keys", "private_key_encrypted"),
        SealedColumn("code_keys", "key_encrypted", key: "label"),
        SealedColumn("session_signing_keys", "key_material_encrypted"),
        SealedColumn("ocsp_responders", "key_encrypted"),
        SealedColumn("acme_eab_keys", "hmac_key_encrypted"),
        SealedColumn("breakglass_credentials", "totp_secret_encrypted", key: "actor_id"),
        SealedColumn(
            "idempotency_keys", "response_body",
            key: "actor_type || '|' || actor_id || '|' || method || '|' || path || '|' || key", isMixed: true
        ),
    ]
}

/// A sealed value with the row that it belongs to.
package struct SealedRow: Sendable {
    package let key: String
    package let octets: [UInt8]

    package init(key: String, octets: [UInt8]) {
        self.key = key
        self.octets = octets
    }
}

extension SealedColumn {
    /// How many values there are, by format (the first octet) and, for v4, by the id of the key that they are under.
    package func census(in tx: any Transaction) throws -> [(format: UInt8, keyID: [UInt8], count: Int)] {
        try tx.rows(
            """
            SELECT substr(\(fragment: columnSQL), 1, 1) AS format, substr(\(fragment: columnSQL), 3, 8) AS kek,
                COUNT(*) AS number
            FROM \(fragment: tableSQL) WHERE \(fragment: columnSQL) IS NOT NULL GROUP BY 1, 2
            """
        ).map { row in
            (try row.bytes("format").first ?? 0, try row.bytes("kek"), try row.int("number"))
        }
    }

    /// Values behind `key`, in the order of their rows, that are not of format v4 under the key with `activeID`.
    package func stale(
        behind key: String,
        activeID: [UInt8],
        limit: Int,
        in tx: any Transaction
    ) throws -> [SealedRow] {
        // What was never sealed does not begin like one of our formats, and stays.
        let isOurs: SQL = isMixed ? "AND substr(\(fragment: columnSQL), 1, 1) = \([UInt8(4)])" : ""
        return try tx.rows(
            """
            SELECT \(fragment: keySQL) AS row_key, \(fragment: columnSQL) AS sealed FROM \(fragment: tableSQL)
            WHERE \(fragment: columnSQL) IS NOT NULL AND \(fragment: keySQL) > \(key)
                AND NOT (substr(\(fragment: columnSQL), 1, 1) = \([UInt8(4)])
                    AND substr(\(fragment: columnSQL), 3, 8) = \(activeID)) \(fragment: isOurs)
            ORDER BY 1 LIMIT \(limit)
            """
        ).map { SealedRow(key: try $0.text("row_key"), octets: try $0.bytes("sealed")) }
    }

    package func value(of key: String, in tx: any Transaction) throws -> [UInt8]? {
        try tx.row(
            """
            SELECT \(fragment: columnSQL) AS sealed FROM \(fragment: tableSQL)
            WHERE \(fragment: keySQL) = \(key) AND \(fragment: columnSQL) IS NOT NULL
            """
        )?.bytes("sealed")
    }

    /// Puts a value in the place of the one that was read; false when somebody else wrote meanwhile.
    package func replace(_ row: SealedRow, with octets: [UInt8], in tx: any Transaction) throws -> Bool {
        try tx.execute(
            """
            UPDATE \(fragment: tableSQL) SET \(fragment: columnSQL) = \(octets)
            WHERE \(fragment: keySQL) = \(row.key) AND \(fragment: columnSQL) = \(row.octets)
            """
        ) == 1
    }
}
