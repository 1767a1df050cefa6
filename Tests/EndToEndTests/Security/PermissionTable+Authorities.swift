extension PermissionTable {
    /// The CAs of trees.
    static let authorities: [Row] = [
        Row(
            route: "createIntermediateCA", rule: .issuer("ca.hierarchy.manage"), admitted: 400, path: ["iss-local"],
            body: "{}"),
        Row(
            route: "requestIntermediateCA", rule: .issuer("ca.hierarchy.manage"), admitted: 400, path: ["iss-local"],
            body: "{}"),
        Row(
            route: "certifyIntermediateCA", rule: .issuer("ca.hierarchy.manage"), admitted: 404, path: ["ica-none"],
            body: #"{"certificate_pem":"-----BEGIN CERTIFICATE-----\nAA==\n-----END CERTIFICATE-----\n"}"#),
        Row(
            route: "deleteIntermediateCA", rule: .issuer("ca.hierarchy.manage"), admitted: 404, path: ["ica-none"]),
        Row(route: "listIntermediateCAs", rule: .issuer("issuer.read"), admitted: 200, path: ["iss-local"]),
        // A CA that is not there is as unknown to whoever would see it as one out of reach.
        Row(route: "getIntermediateCA", rule: .issuer("issuer.read"), admitted: 404, path: ["ica-none"]),
        Row(
            route: "updateIntermediateCA", rule: .issuer("ca.hierarchy.manage"), admitted: 404, path: ["ica-none"],
            body: #"{"crl_validity_seconds":86400}"#),
        Row(route: "getIntermediateCAChain", rule: .issuer("issuer.read"), admitted: 404, path: ["ica-none"]),
        Row(route: "listIntermediateCAChains", rule: .issuer("issuer.read"), admitted: 404, path: ["ica-none"]),
        Row(
            route: "importIntermediateCA", rule: .issuer("ca.hierarchy.manage"), admitted: 400, path: ["iss-local"],
            body: "{}"),
        Row(
            route: "crossSignIntermediateCA", rule: .issuer("ca.hierarchy.manage"), admitted: 404, path: ["ica-none"],
            body: #"{"parent_ca_id":"ica-other"}"#),
        Row(
            route: "requestIntermediateCACrossCertificate", rule: .issuer("ca.hierarchy.manage"), admitted: 404,
            path: ["ica-none"]),
        Row(
            route: "withdrawCACertificate", rule: .issuer("ca.hierarchy.manage"), admitted: 404,
            path: ["ica-none", "icc-none"], body: "{}"),
        Row(
            route: "renewIntermediateCA", rule: .issuer("ca.hierarchy.manage"), admitted: 404, path: ["ica-none"],
            body: "{}"),
        Row(
            route: "succeedIntermediateCA", rule: .issuer("ca.hierarchy.manage"), admitted: 404, path: ["ica-none"],
            body: "{}"),
        Row(route: "listIntermediateCACeremonies", rule: .issuer("issuer.read"), admitted: 404, path: ["ica-none"]),
        Row(route: "listIntermediateCAConsumers", rule: .issuer("issuer.read"), admitted: 404, path: ["ica-none"]),
        Row(
            route: "activateIntermediateCA", rule: .issuer("ca.hierarchy.manage"), admitted: 404, path: ["ica-none"],
            body: "{}"),
        Row(
            route: "retireIntermediateCA", rule: .issuer("ca.hierarchy.manage"), admitted: 404, path: ["ica-none"],
            body: "{}"),
        Row(
            route: "reactivateIntermediateCA", rule: .issuer("ca.hierarchy.manage"), admitted: 404, path: ["ica-none"],
            body: "{}"),
        Row(
            route: "revokeIntermediateCA", rule: .issuer("ca.hierarchy.manage"), admitted: 404, path: ["ica-none"],
            body: #"{"reason":"superseded"}"#),
    ]
}
