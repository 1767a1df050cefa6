import Domain
import HostEffects

/// A plan whose paths and commands were checked and resolved on this host.
struct PreparedPlan: Sendable {
    struct File: Sendable {
        let planned: PlannedFile
        /// With symbolic links resolved.
        let destination: String
    }

    /// In the order in which they become current.
    let files: [File]
    let validate: ResolvedCommand?
    let reload: ResolvedCommand?

    init(_ plan: DeploymentPlan, host: DeploymentHost, _ fileSystem: FileSystem) throws(DeploymentFailure) {
        guard !plan.files.isEmpty else {
            throw DeploymentFailure(.configInvalid, at: .prepare, "the plan names no file")
        }
        var files: [File] = []
        for planned in plan.files {
            let destination = try Self.resolve(planned.path, host.policy, fileSystem)
            if let twin = files.first(where: { $0.destination == destination }) {
                throw DeploymentFailure(
                    .configInvalid,
                    at: .prepare,
                    "\(twin.planned.path) and \(planned.path) are the same file"
                )
            }
            files.append(File(planned: planned, destination: destination))
        }
        self.files = files.sorted { $0.planned.role < $1.planned.role }
        validate = try Self.resolve(plan.validate, host.policy, fileSystem)
        reload = try Self.resolve(plan.reload, host.policy, fileSystem)
    }

    private static func resolve(
        _ path: String,
        _ policy: HostPolicy,
        _ fileSystem: FileSystem
    ) throws(DeploymentFailure) -> String {
        do {
            return try PathRules.resolveDestination(path, policy: policy, fileSystem: fileSystem)
        } catch let violation as PathViolation {
            let code: DeploymentErrorCode =
                switch violation {
                case .unsafeParentDirectory: .unsafeParentDirectory
                case .protectedSystemPath, .outsideAllowedPaths, .linkLeavesAllowedPaths: .policyDenied
                case .empty, .notAbsolute, .notClean, .unprintable, .missingDirectory, .notARegularFile: .configInvalid
                }
            throw DeploymentFailure(code, at: .prepare, "\(violation)")
        } catch {
            throw DeploymentFailure(.writeFailed, at: .prepare, "\(error)")
        }
    }

    private static func resolve(
        _ command: CommandText?,
        _ policy: HostPolicy,
        _ fileSystem: FileSystem
    ) throws(DeploymentFailure) -> ResolvedCommand? {
        guard let command else { return nil }
        do {
            return try ResolvedCommand(command, policy: policy, fileSystem: fileSystem)
        } catch let violation as CommandViolation {
            let code: DeploymentErrorCode =
                switch violation {
                case .interpreter, .notAllowed, .programNotSecure: .policyDenied
                case .empty, .tooLong, .forbiddenCharacter, .leadingHyphen, .relativeProgram, .programNotFound:
                    .configInvalid
                }
            throw DeploymentFailure(code, at: .prepare, "\(violation)")
        } catch {
            throw DeploymentFailure(.writeFailed, at: .prepare, "\(error)")
        }
    }
}
