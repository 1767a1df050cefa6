import APIContract
import Domain
import HostEffects
import Outbound
import PKI
import Settings
import Telemetry

extension AgentAssembly {
    /// Takes over a certificate that exists already: its key goes into the slot, and the control plane learns of the
    /// certificate. No agent may run meanwhile, since the slots are its. Repeating it changes nothing.
    func adopt(_ files: KeyAdoption.Files) async -> Int32 {
        for warning in loaded.warnings { console.error("certctl-agent: warning: \(warning)") }
        do {
            let adoption = try await BlockingWork.run { try KeyAdoption(files) }
            try state.prepare()
            let lock = try ProcessLock(path: state.lockPath)
            let version = try await perform(adoption)
            _ = consume lock
            console.output("\(adoption.certificate) has the certificate as version \(version), and this host its key")
            return ExitStatus.success
        } catch {
            console.error("certctl-agent: \(error)")
            return Self.exitStatus(of: error)
        }
    }

    private func perform(_ adoption: KeyAdoption) async throws -> VersionID {
        let log = AgentLog.make(configuration.logging, time: time)
        let standing = try await standing(log)
        let keys = KeyDirectory(
            root: DurableFolder(directory: configuration.keyDirectory, fileSystem: .live, random: random),
            generate: { spec in try PrivateKey.generate(spec) })
        // On the disk before anybody relies on it.
        let proof = try await BlockingWork.run {
            try keys.prepare()
            try keys.withSlot(of: adoption.certificate) { slot in try slot.keep(adoption.key) }
            let leaf = adoption.chain[0]
            return try CertificationRequestBuilder.makeCSR(
                commonName: leaf.subjectAltNames.isEmpty ? leaf.subject.commonName ?? "" : "",
                subjectAltNames: leaf.subjectAltNames, key: adoption.key)
        }
        let connection = try connection(to: standing, as: try await hostFacts(standing.url))
        let answer: AgentAdoptionAnswer
        do {
            answer = try await ControlPlane(agent: standing.agent, transport: connection.transport).adopt(
                pem: adoption.chain.map(\.pem).joined(), csrPEM: proof.pem, as: adoption.certificate)
            try await connection.shutdown()
        } catch {
            try? await connection.shutdown()
            throw error
        }
        try await BlockingWork.run {
            try keys.withSlot(of: adoption.certificate) { slot in try slot.pin(adoption.key, to: answer.versionID) }
        }
        return answer.versionID
    }
}
