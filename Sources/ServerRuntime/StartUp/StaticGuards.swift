import Domain
import HostEffects
import Logging
import Outbound
package import Settings

/// What a start refuses before it opens a socket or touches the data directory, beyond the settings themselves: the
/// files that they name. `certctl config check` asks the same.
package enum StaticGuards {
    /// Everything that is wrong, all together.
    package static func violations(_ configuration: ServerConfiguration) -> [SettingViolation] {
        violations(configuration, fileSystem: .live, time: .system)
    }

    static func violations(
        _ configuration: ServerConfiguration, fileSystem: FileSystem, time: TimeSource
    ) -> [SettingViolation] {
        var violations: [SettingViolation] = []
        func attempt(_ subject: String, _ check: () throws -> Void) {
            do { try check() } catch { violations.append(violation(error, about: subject)) }
        }
        if case .files(let paths) = configuration.tls.material {
            attempt("CERTCTL_SERVER_TLS_CERT_PATH") {
                try ServerTLS.check(paths, fileSystem: fileSystem, now: time.now)
            }
        }
        attempt("CERTCTL_AUDIT_SYSLOG_CA_PATH, CERTCTL_AUDIT_WEBHOOK_CA_PATH") {
            _ = try AuditSinks.make(
                configuration.audit, through: EgressGuard(policy: configuration.egress.policy), fileSystem: fileSystem,
                time: time)
        }
        attempt("CERTCTL_WEAK_KEYS_FILES") {
            _ = try WeakKeyFiles.read(configuration.pki.weakKeyFiles, fileSystem)
        }
        if let user = configuration.pki.signerUser, Ownership.user(named: user) == nil {
            violations.append(
                SettingViolation(
                    subject: "CERTCTL_SIGNER_USER", message: "there is no user named \(user) on this host",
                    kind: .invalid))
        }
        return violations
    }

    private static func violation(_ error: any Error, about subject: String) -> SettingViolation {
        guard let failure = error as? StartUpFailure else {
            let isPermission = (error as? FileError)?.isPermissionProblem ?? false
            return SettingViolation(subject: subject, message: "\(error)", kind: isPermission ? .permission : .invalid)
        }
        let kind: SettingViolation.Kind = failure.status == .permission ? .permission : .invalid
        // A failure that names its setting in front keeps it.
        let parts = failure.message.split(separator: ":", maxSplits: 1).map(String.init)
        guard parts.count == 2, parts[0].hasPrefix("CERTCTL_"), !parts[0].contains(" ") else {
            return SettingViolation(subject: subject, message: failure.message, kind: kind)
        }
        return SettingViolation(subject: parts[0], message: String(parts[1].drop { $0 == " " }), kind: kind)
    }
}
