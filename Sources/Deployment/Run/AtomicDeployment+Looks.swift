import Domain
package import HostEffects

/// There is no complete set of backups to go back to.
package struct NoBackupError: Error, Hashable, Sendable, CustomStringConvertible {
    package let path: String

    package var description: String { "there is no backup of \(path); deploy an earlier version instead" }
}

extension AtomicDeployment {
    /// Whether an endpoint serves a chain, given as DER with the leaf first. Changes nothing.
    package func verify(_ choice: VerificationChoice, servedChain: [[UInt8]]) async -> VerificationReport {
        let expected = servedChain.map { ContentDigest.of($0) }
        switch choice {
        case .skip(let reason): return .skipped(reason, expected: expected.first ?? "")
        case .probe(let plan):
            return await EndpointVerifier(host: host).verify(plan, expected: expected, observedBefore: [:])
        }
    }

    /// The files of a target as they were before its last change, to be deployed again.
    ///
    /// A file that the last change did not touch stays as it is and is left out.
    /// - Throws: ``NoBackupError`` when the certificate file has none, or an error of the file system.
    package func newestBackup(of paths: [FileRole: String]) async throws -> [PlannedFile] {
        let directory = host.backupDirectory
        let policy = host.policy
        return try await host.blocking { files in
            let backups = BackupStore(directory: directory, fileSystem: files)
            var newest: [(role: FileRole, path: String, entry: BackupStore.Entry)] = []
            for (role, path) in paths {
                let destination = try PathRules.resolveDestination(path, policy: policy, fileSystem: files)
                if let entry = try backups.entries(of: destination).first { newest.append((role, path, entry)) }
            }
            guard let stamp = newest.first(where: { $0.role == .certificate })?.entry.stamp else {
                throw NoBackupError(path: paths[.certificate] ?? "the certificate file")
            }
            return try newest.filter { $0.entry.stamp == stamp }.map { role, path, entry in
                guard let octets = try files.read(entry.path) else { throw NoBackupError(path: path) }
                let ownership = Ownership(
                    mode: entry.attributes.mode,
                    owner: "\(entry.attributes.userID)",
                    group: "\(entry.attributes.groupID)"
                )
                return PlannedFile(
                    role: role,
                    path: path,
                    contents: Secret(octets),
                    ownership: ownership,
                    defaults: .unspecified
                )
            }
        }
    }
}

extension DeploymentHost {
    /// Where a write to `path` ends up on this host. See ``PathRules``.
    package func resolve(path: String) async throws -> String {
        try await blocking { [policy] files in
            try PathRules.resolveDestination(path, policy: policy, fileSystem: files)
        }
    }

    /// The argument vector that a command comes down to on this host. See ``ResolvedCommand``.
    package func resolve(command: CommandText) async throws -> ResolvedCommand {
        try await blocking { [policy] files in try ResolvedCommand(command, policy: policy, fileSystem: files) }
    }
}
