import Domain
import Foundation
import HostEffects
import PKI
import Synchronization
import TestSupport

/// A certification authority that is not ours: `openssl` judges and signs what the agent submits.
final class TestCA: Sendable {
    private let directory: TemporaryDirectory
    private let serial = Mutex(1)
    let certificatePEM: String

    /// Made once for the whole run: the tests read it only.
    static let shared = Result { try TestCA() }

    private init() throws {
        directory = try TemporaryDirectory("agent-ca")
        try Self.openssl([
            "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "30",
            "-subj", "/CN=Test CA", "-keyout", directory.path("ca.key"), "-out", directory.path("ca.pem"),
        ])
        certificatePEM = try String(contentsOfFile: directory.path("ca.pem"), encoding: .utf8)
    }

    /// Signs a request with the extensions that it asks for.
    func sign(_ csrPEM: String, days: Int = 1) throws -> String {
        let number = serial.withLock { serial in
            serial += 1
            return serial
        }
        let request = directory.path("\(number).csr")
        let result = directory.path("\(number).pem")
        try csrPEM.write(toFile: request, atomically: true, encoding: .utf8)
        try Self.openssl(["req", "-in", request, "-verify", "-noout"])
        try Self.openssl([
            "x509", "-req", "-in", request, "-CA", directory.path("ca.pem"), "-CAkey", directory.path("ca.key"),
            "-set_serial", "\(number)", "-copy_extensions", "copyall", "-days", "\(days)", "-out", result,
        ])
        return try String(contentsOfFile: result, encoding: .utf8)
    }

    private static func openssl(_ arguments: [String]) throws {
        let process = Process()
        process.executableURL = URL(filePath: "/usr/bin/openssl")
        process.arguments = arguments
        process.standardOutput = FileHandle.nullDevice
        process.standardError = FileHandle.nullDevice
        try process.run()
        process.waitUntilExit()
        guard process.terminationStatus == 0 else { throw OpenSSLFailure(arguments: arguments) }
    }

    struct OpenSSLFailure: Error { let arguments: [String] }
}
