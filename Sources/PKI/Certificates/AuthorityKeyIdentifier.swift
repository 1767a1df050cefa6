/// The authorityKeyIdentifier extension (RFC 5280 §4.2.1.1), of which only the key identifier is used.
enum AuthorityKeyIdentifier {
    static func keyIdentifier(_ node: DERNode) throws(DERError) -> [UInt8]? {
        var fields = try node.sequence("authorityKeyIdentifier", limit: 3)
        return try fields.next(ifContextTag: 0).map { node throws(DERError) in
            Array(try node.primitive("keyIdentifier"))
        }
    }
}
