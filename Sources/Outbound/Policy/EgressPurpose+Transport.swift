import Domain

extension EgressPurpose {
    /// The control plane speaks nothing older; an observed endpoint may.
    var requiresTLS13: Bool {
        switch self {
        case .controlPlane: true
        case .target, .audit, .acmeValidation, .resolver: false
        }
    }

    /// What an answer may weigh: 8 MiB from a control plane (specification, targets §1.3), 64 KiB from a receiver, 16 KiB
    /// from a web server that proves a name (protocol-servers §2.8).
    var bodyLimit: Int {
        switch self {
        case .controlPlane, .target: 8 << 20
        case .audit, .resolver: 64 << 10
        case .acmeValidation: 16 << 10
        }
    }
}
