import APIContract
import Domain
import Lifecycle
import Store

/// Between the profiles of the API and those of the store.
enum ProfileMapping {
    /// - `mode`: Of a profile that is made without one.
    static func fields(
        _ request: CreateProfileRequest, otherwise mode: Domain.ACMEAuthMode
    ) throws(ServiceError) -> ProfileFields {
        var fields = ProfileFields(
            name: request.name,
            description: request.description,
            allowedKeys: request.allowedKeyAlgorithms.map(\.rule),
            maxTTLSeconds: request.maximumTTLSeconds,
            allowedEKUs: request.allowedEKUs,
            requiredSANPatterns: request.requiredSANPatterns,
            spiffeURIPattern: request.spiffeURIPattern,
            allowShortLived: request.allowShortLived,
            mustStaple: request.mustStaple,
            requiredCSRAttributes: request.requiredCSRAttributes,
            acmeAuthMode: request.acmeAuthMode.map(stored) ?? mode,
            requiresApproval: request.requiresApproval,
            enabled: request.isEnabled
        )
        fields.defaultTTLSeconds = request.defaultTTLSeconds
        fields.backdateSeconds = request.backdateSeconds
        fields.ekuCritical = request.isEKUCritical
        fields.allowedSANTypes = request.allowedSANTypes
        fields.maxSANs = request.maximumSANs
        if let subject = request.subjectPolicy { fields.subjectPolicy = try policy(subject) }
        fields.policyOIDs = request.policyOIDs
        if let mode = request.mustStapleMode { fields.mustStapleMode = mode }
        fields.keyUsages = request.keyUsages
        fields.nameConstraints = request.nameConstraints
        fields.keyReuse = request.keyReuse
        fields.acmeRequireEAB = request.acmeRequireEAB
        fields.acmeChallengeTypes = request.acmeChallengeTypes
        fields.acmeAllowWildcards = request.acmeAllowWildcards
        fields.acmeAllowSingleLabel = request.acmeAllowSingleLabel
        fields.acmePreauthorization = request.acmePreauthorization
        fields.acmeProfiles = request.acmeProfiles
        fields.acmePerspectives = request.acmePerspectives
        fields.acmePerspectiveQuorum = request.acmePerspectiveQuorum
        fields.acmeOrdersPerHour = request.acmeOrdersPerHour
        fields.issuerID = request.issuerID
        fields.issuingCAID = request.issuingCAID
        fields.ownerID = request.ownerID
        fields.teamID = request.teamID
        fields.renewalPolicyID = request.renewalPolicyID
        return fields
    }

    /// The subject of an update in the types of the store; names the attribute that is not known.
    static func subject(
        _ update: APIContract.FieldUpdate<SubjectPolicyBody>
    ) throws(ServiceError) -> APIContract.FieldUpdate<SubjectPolicy> {
        switch update {
        case .keep: .keep
        case .clear: .clear
        case .set(let body): .set(try policy(body))
        }
    }

    private static func policy(_ body: SubjectPolicyBody) throws(ServiceError) -> SubjectPolicy {
        var problems = FieldProblems()
        var fixed: [SubjectAttribute: String] = [:]
        for (name, value) in body.fixed.sorted(by: { $0.key < $1.key }) {
            if let attribute = SubjectAttribute(rawValue: name) {
                fixed[attribute] = value
            } else {
                let known = SubjectAttribute.allCases.map(\.rawValue).joined(separator: ", ")
                problems.add("/subject_policy/fixed", "unknown_attribute", "\(name) is not one of \(known)")
            }
        }
        try problems.throwIfAny()
        return SubjectPolicy(allowed: body.allowedRDNs, fixed: fixed, commonName: body.commonName)
    }

    static func apply(
        _ request: UpdateProfileRequest, _ subject: APIContract.FieldUpdate<SubjectPolicy>,
        to fields: inout ProfileFields
    ) {
        let blank = ProfileFields(name: fields.name)
        fields.name = request.name.resolved(from: fields.name)
        fields.description = request.description.resolved(from: fields.description, cleared: "")
        fields.allowedKeys = request.allowedKeyAlgorithms.update(cleared: blank.allowedKeys) { $0.map(\.rule) }
            .applied(to: fields.allowedKeys)
        fields.maxTTLSeconds = request.maximumTTLSeconds.resolved(from: fields.maxTTLSeconds, cleared: 0)
        fields.allowedEKUs = request.allowedEKUs.resolved(from: fields.allowedEKUs, cleared: blank.allowedEKUs)
        fields.requiredSANPatterns = request.requiredSANPatterns.resolved(
            from: fields.requiredSANPatterns, cleared: []
        )
        fields.spiffeURIPattern = request.spiffeURIPattern.resolved(from: fields.spiffeURIPattern, cleared: "")
        fields.allowShortLived = request.allowShortLived.resolved(from: fields.allowShortLived, cleared: false)
        fields.mustStaple = request.mustStaple.resolved(from: fields.mustStaple, cleared: false)
        fields.requiredCSRAttributes = request.requiredCSRAttributes.resolved(
            from: fields.requiredCSRAttributes, cleared: []
        )
        fields.acmeAuthMode = request.acmeAuthMode.update(cleared: blank.acmeAuthMode, stored)
            .applied(to: fields.acmeAuthMode)
        fields.requiresApproval = request.requiresApproval.resolved(from: fields.requiresApproval, cleared: false)
        fields.enabled = request.isEnabled.resolved(from: fields.enabled, cleared: true)
        applyTemplate(request, subject, to: &fields)
        applyEnrolment(request, to: &fields)
    }

    private static func applyTemplate(
        _ request: UpdateProfileRequest, _ subject: APIContract.FieldUpdate<SubjectPolicy>,
        to fields: inout ProfileFields
    ) {
        fields.defaultTTLSeconds = request.defaultTTLSeconds.resolved(from: fields.defaultTTLSeconds, cleared: 0)
        fields.backdateSeconds = request.backdateSeconds.resolved(from: fields.backdateSeconds)
        fields.ekuCritical = request.isEKUCritical.resolved(from: fields.ekuCritical, cleared: false)
        fields.allowedSANTypes = request.allowedSANTypes.resolved(from: fields.allowedSANTypes, cleared: [])
        fields.maxSANs = request.maximumSANs.resolved(from: fields.maxSANs, cleared: 0)
        fields.subjectPolicy = subject.resolved(from: fields.subjectPolicy)
        fields.policyOIDs = request.policyOIDs.resolved(from: fields.policyOIDs, cleared: [])
        fields.mustStapleMode = request.mustStapleMode.resolved(from: fields.mustStapleMode, cleared: .never)
        fields.keyUsages = request.keyUsages.resolved(from: fields.keyUsages, cleared: [])
        fields.nameConstraints = request.nameConstraints.resolved(from: fields.nameConstraints)
        fields.keyReuse = request.keyReuse.resolved(from: fields.keyReuse, cleared: .allow)
    }

    private static func applyEnrolment(_ request: UpdateProfileRequest, to fields: inout ProfileFields) {
        fields.acmeRequireEAB = request.acmeRequireEAB.resolved(from: fields.acmeRequireEAB)
        fields.acmeChallengeTypes = request.acmeChallengeTypes.resolved(from: fields.acmeChallengeTypes, cleared: [])
        fields.acmeAllowWildcards = request.acmeAllowWildcards.resolved(from: fields.acmeAllowWildcards, cleared: true)
        fields.acmeAllowSingleLabel = request.acmeAllowSingleLabel.resolved(
            from: fields.acmeAllowSingleLabel, cleared: false)
        fields.acmePreauthorization = request.acmePreauthorization.resolved(
            from: fields.acmePreauthorization, cleared: false)
        fields.acmeProfiles = request.acmeProfiles.resolved(from: fields.acmeProfiles, cleared: [])
        fields.acmePerspectives = request.acmePerspectives.resolved(from: fields.acmePerspectives, cleared: [])
        fields.acmePerspectiveQuorum = request.acmePerspectiveQuorum.resolved(
            from: fields.acmePerspectiveQuorum, cleared: 0)
        fields.acmeOrdersPerHour = request.acmeOrdersPerHour.resolved(from: fields.acmeOrdersPerHour, cleared: 0)
        fields.issuerID = request.issuerID.resolved(from: fields.issuerID)
        fields.issuingCAID = request.issuingCAID.resolved(from: fields.issuingCAID)
        fields.ownerID = request.ownerID.resolved(from: fields.ownerID)
        fields.teamID = request.teamID.resolved(from: fields.teamID)
        fields.renewalPolicyID = request.renewalPolicyID.resolved(from: fields.renewalPolicyID)
    }

    private static func stored(_ mode: APIContract.ACMEAuthMode) -> Domain.ACMEAuthMode {
        switch mode {
        case .trustAuthenticated: .trustAuthenticated
        case .challenge: .challenge
        }
    }

    /// - `algorithms`: What the server certifies for nobody.
    /// - `isReachable`: Whether certificates name an OCSP responder of this server.
    static func body(_ profile: Profile, _ algorithms: AlgorithmPolicy, isReachable: Bool) -> ProfileBody {
        let fields = profile.fields
        return ProfileBody {
            $0.id = profile.id
            $0.name = fields.name
            $0.description = fields.description
            $0.allowedKeyAlgorithms = fields.allowedKeys.map { KeyRuleBody($0) }
            $0.maximumTTLSeconds = fields.maxTTLSeconds
            $0.allowedEKUs = fields.allowedEKUs
            $0.requiredSANPatterns = fields.requiredSANPatterns
            $0.spiffeURIPattern = fields.spiffeURIPattern
            $0.allowShortLived = fields.allowShortLived
            $0.mustStaple = fields.mustStaple
            if !fields.requiredCSRAttributes.isEmpty { $0.requiredCSRAttributes = fields.requiredCSRAttributes }
            $0.acmeAuthMode = fields.acmeAuthMode == .challenge ? .challenge : .trustAuthenticated
            $0.requiresApproval = fields.requiresApproval
            $0.isEnabled = fields.enabled
            fill(&$0, fields)
            $0.warnings = ProfileFlow.warnings(fields, under: algorithms, isReachable: isReachable)
            $0.createdAt = profile.createdAt
            $0.updatedAt = profile.updatedAt
            $0.version = profile.rowVersion
        }
    }

    private static func fill(_ body: inout ProfileBody, _ fields: ProfileFields) {
        body.defaultTTLSeconds = fields.defaultTTLSeconds
        body.backdateSeconds = fields.backdateSeconds
        body.isEKUCritical = fields.ekuCritical
        body.allowedSANTypes = fields.allowedSANTypes
        body.maximumSANs = fields.maxSANs
        body.subjectPolicy = fields.subjectPolicy.map { SubjectPolicyBody($0) }
        body.policyOIDs = fields.policyOIDs
        body.mustStapleMode = fields.mustStapleMode
        body.keyUsages = fields.keyUsages
        body.nameConstraints = fields.nameConstraints
        body.keyReuse = fields.keyReuse
        body.acmeRequireEAB = fields.acmeRequireEAB
        body.acmeChallengeTypes = fields.acmeChallengeTypes
        body.acmeAllowWildcards = fields.acmeAllowWildcards
        body.acmeAllowSingleLabel = fields.acmeAllowSingleLabel
        body.acmePreauthorization = fields.acmePreauthorization
        body.acmeProfiles = fields.acmeProfiles
        body.acmePerspectives = fields.acmePerspectives
        body.acmePerspectiveQuorum = fields.acmePerspectiveQuorum
        body.acmeOrdersPerHour = fields.acmeOrdersPerHour
        body.issuerID = fields.issuerID
        body.issuingCAID = fields.issuingCAID
        body.ownerID = fields.ownerID
        body.teamID = fields.teamID
        body.renewalPolicyID = fields.renewalPolicyID
    }
}
