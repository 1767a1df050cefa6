/// A revocation list around entries that are encoded already and kept apart: what stands before them and after them.
///
/// A list of a million entries is then made by hashing what is there, not by encoding it again.
package struct RevocationListFrame: Sendable {
    /// The `TBSCertList` up to its first entry.
    private let tbsHead: [UInt8]
    /// The rest of the `TBSCertList`: its extensions.
    private let tbsTail: [UInt8]
    private let entryOctets: Int
    private let signatureAlgorithm: SignatureAlgorithm

    fileprivate init(
        tbsHead: [UInt8], tbsTail: [UInt8], entryOctets: Int, signatureAlgorithm: SignatureAlgorithm
    ) {
        self.tbsHead = tbsHead
        self.tbsTail = tbsTail
        self.entryOctets = entryOctets
        self.signatureAlgorithm = signatureAlgorithm
    }

    /// What the issuer signs. `blocks` are the entries that the frame was made for.
    package func permit(_ blocks: RevocationListBlocks) -> CRLSigningPermit {
        precondition(blocks.octetCount == entryOctets, "the frame is for other entries")
        var tbs: [UInt8] = []
        tbs.reserveCapacity(tbsHead.count + entryOctets + tbsTail.count)
        tbs += tbsHead
        for block in blocks.blocks { tbs += block.entries }
        tbs += tbsTail
        return CRLSigningPermit(tbs: tbs, signatureAlgorithm: signatureAlgorithm)
    }

    /// What stands before and after the entries in the complete `CertificateList`.
    package func closed(signature: [UInt8]) -> (head: [UInt8], tail: [UInt8]) {
        let tail = tbsTail + signatureAlgorithm.der + DERWriter.bitString(signature)
        return (DERWriter.header(0x30, tbsHead.count + entryOctets + tail.count) + tbsHead, tail)
    }
}

extension RevocationListTemplate {
    /// The frame for entries that take `entryOctets` octets; the template's own ``entries`` must be empty.
    ///
    /// That no serial number stands there twice, and none as `removeFromCRL` in a complete list, is what
    /// ``RevocationListBlocks`` is made by.
    package func frame(entryOctets: Int) throws(CRLError) -> RevocationListFrame {
        guard entries.isEmpty else { throw CRLError("the entries are kept apart") }
        try check()
        let opening =
            DERWriter.integer(1) + signatureAlgorithm.der + issuer.der + DERTime.encode(thisUpdate)
            + DERTime.encode(nextUpdate) + (entryOctets == 0 ? [] : DERWriter.header(0x30, entryOctets))
        let tail = DERWriter.explicit(0, DERWriter.sequence(of: extensions.map(\.der)))
        return RevocationListFrame(
            tbsHead: DERWriter.header(0x30, opening.count + entryOctets + tail.count) + opening, tbsTail: tail,
            entryOctets: entryOctets, signatureAlgorithm: signatureAlgorithm)
    }
}
