import APIContract
import Domain
import Lifecycle
import Store

extension ImportIntermediateCARequest {
    func draft(_ issuer: IssuerID) -> AdoptionDraft {
        var draft = AdoptionDraft(issuerID: issuer)
        draft.name = name
        draft.chainPEM = chainPEM
        draft.key = privateKeyPEM.map { Secret($0) }
        draft.keyReference = keyReference
        draft.issuedPEM = issuedPEM
        draft.revocationListPEM = revocationListPEM
        draft.isIssuing = isIssuing
        draft.ocspURL = ocspURL
        draft.metadata = metadata
        return draft
    }
}

extension IntermediateCAImported {
    init(_ done: HierarchyFlow.Adoption, isRehearsal rehearsal: Bool) {
        self.init {
            $0.id = rehearsal ? nil : done.node.id
            $0.parentID = rehearsal && !done.registered.isEmpty ? nil : done.node.parentID
            $0.name = done.node.name
            $0.subject = done.node.subject
            $0.serialNumber = done.node.serialNumber ?? ""
            $0.keyAlgorithm = done.node.keyAlgorithm
            $0.spkiSHA256 = done.node.spkiSHA256
            $0.notAfter = done.node.notAfter ?? .epoch
            $0.isIssuing = done.node.isIssuing
            $0.registered = done.registered.map(\.name)
            $0.certificates = done.certificates
            $0.ended = done.ended
            $0.revocations = done.revocations
            $0.listNumber = done.listNumber
            $0.listedAt = done.listedAt
            $0.isRehearsal = rehearsal
        }
    }
}
