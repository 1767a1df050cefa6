import Domain
package import Encoding
import HostEffects
import PKI

/// What a deployment would do (specification, targets §4.1). Holds no key material.
package struct DeploymentPreview: Hashable, Sendable {
    package enum Action: String, Sendable, CaseIterable {
        case create, replace, unchanged
        /// Only mode or owner differ.
        case correct
    }

    package struct File: Hashable, Sendable {
        package let role: FileRole
        package let path: String
        package let action: Action
        /// Fingerprints of the first certificate; absent for keys and for what is no certificate.
        package let before: String?
        package let after: String?
        /// `0640 0:33`, mode and numeric owner.
        package let attributesBefore: String?
        package let attributesAfter: String
    }

    package let files: [File]
    /// In the order of their runs.
    package let commands: [String]
    package let verificationEndpoint: String?
    package let warnings: [String]
    /// Why a deployment would fail before it changes anything.
    package let obstacle: DeploymentFailure?

    package var wouldChange: Bool { files.contains { $0.action != .unchanged } }

    package var json: JSONValue {
        var object: JSONObject = [
            "would_change": .bool(wouldChange),
            "files": .array(files.map(\.json)),
            "commands": JSONValue(commands),
            "warnings": JSONValue(warnings),
            "native_dry_run": false,
        ]
        if let verificationEndpoint { object["verification_endpoint"] = .string(verificationEndpoint) }
        if let obstacle {
            object["error_code"] = .string(obstacle.code.rawValue)
            object["error"] = .string(obstacle.message)
        }
        return .object(object)
    }
}

extension DeploymentPreview.File {
    var json: JSONValue {
        var object: JSONObject = [
            "role": .string(role.rawValue), "path": .string(path), "action": .string(action.rawValue),
            "attributes_after": .string(attributesAfter),
        ]
        if let before { object["fingerprint_before"] = .string(before) }
        if let after { object["fingerprint_after"] = .string(after) }
        if let attributesBefore { object["attributes_before"] = .string(attributesBefore) }
        return .object(object)
    }
}

extension AtomicDeployment {
    /// Looks at the host and says what ``deploy(_:)`` would do. Changes nothing and runs nothing.
    package func preview(_ plan: DeploymentPlan) async -> DeploymentPreview {
        let run = DeploymentRun(plan, host: host)
        do throws(DeploymentFailure) {
            let prepared = try await run.prepare()
            let inspected = try await run.files(at: .inspect) { files in
                try prepared.files.map { try InspectedFile($0, files) }
            }
            var warnings: [String] = []
            for command in [prepared.validate, prepared.reload].compactMap({ $0 }) where command.isFlagged {
                warnings.append("\(command.text) is no well-known program and is not listed by the host policy")
            }
            if case .skip(let reason) = plan.verification { warnings.append("not verified: \(reason)") }
            return DeploymentPreview(
                files: inspected.map(\.preview),
                commands: [prepared.validate, prepared.reload].compactMap { $0?.text },
                verificationEndpoint: plan.verification.endpoint,
                warnings: warnings,
                obstacle: run.obstacle(inspected)
            )
        } catch {
            return DeploymentPreview(
                files: [],
                commands: [],
                verificationEndpoint: plan.verification.endpoint,
                warnings: [],
                obstacle: error
            )
        }
    }
}

extension DeploymentRun {
    fileprivate func obstacle(_ inspected: [InspectedFile]) -> DeploymentFailure? {
        do throws(DeploymentFailure) {
            try checkContents(inspected)
            return nil
        } catch {
            return error
        }
    }
}

extension InspectedFile {
    fileprivate var preview: DeploymentPreview.File {
        let action: DeploymentPreview.Action =
            if current == nil {
                .create
            } else if hasNewContent {
                .replace
            } else {
                hasNewAttributes ? .correct : .unchanged
            }
        return DeploymentPreview.File(
            role: planned.role,
            path: destination,
            action: action,
            before: current.flatMap { Self.fingerprint($0.contents, planned.role) },
            after: Self.fingerprint(planned.contents, planned.role),
            attributesBefore: current.map { Self.text($0.attributes) },
            attributesAfter: Self.text(attributes)
        )
    }

    private static func fingerprint(_ contents: Secret, _ role: FileRole) -> String? {
        guard role != .key else { return nil }
        let blocks = contents.withText { try? PEMBlock.parse($0) }
        return blocks?.first.map { ContentDigest.of($0.octets) }
    }

    private static func text(_ attributes: FileAttributes) -> String {
        "\(attributes.octalMode) \(attributes.userID):\(attributes.groupID)"
    }
}

extension VerificationChoice {
    fileprivate var endpoint: String? {
        if case .probe(let plan) = self { "\(plan.endpoint)" } else { nil }
    }
}
