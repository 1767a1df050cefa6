import APIContract
import Domain
import HTTPServing
import HTTPTypes
import Lifecycle
import PKI

/// Certificates as files: PEM, DER, PKCS#7, PKCS#12, JKS.
struct ExportHandlers: Sendable {
    let exports: CertificateExportFlow
    let time: TimeSource
    let random: RandomSource

    func register(in handlers: inout HandlerTable) {
        handlers.on(ExportRoutes.pem, pem)
        handlers.on(ExportRoutes.der, der)
        handlers.on(ExportRoutes.pkcs7, pkcs7)
        handlers.on(ExportRoutes.pkcs12, pkcs12)
        handlers.on(ExportRoutes.jks, jks)
    }

    /// - `isTrustStore`: Whoever makes a trust store wants the root in it, unless they say otherwise.
    private func version(
        _ context: AuthenticatedContext, as format: String, isTrustStore: Bool = false
    ) async throws -> ExportedVersion {
        let wanted = try context.query.text("version_id").map { text in
            do {
                return try VersionID(text)
            } catch {
                throw ServiceError(.invalidParameter, "version_id: \(error)")
            }
        }
        return try await exports.export(
            try context.request.id(), version: wanted, format: format,
            alternate: context.query.integer("chain") ?? 0, withRoot: context.query.flag("root") ?? isTrustStore,
            by: context.authorship)
    }

    private func pem(_ context: AuthenticatedContext) async throws -> OutgoingResponse {
        let exported = try await version(context, as: "pem")
        let texts = exported.chain.map(\.pem)
        if context.query.flag("download") == true {
            return attachment(exported, "pem", "application/x-pem-file", Array(texts.joined().utf8))
        }
        return .json(
            CertificatePEMBody {
                $0.certPEM = texts.first ?? ""
                $0.chainPEM = texts.dropFirst().joined()
                $0.fullPEM = texts.joined()
            })
    }

    private func der(_ context: AuthenticatedContext) async throws -> OutgoingResponse {
        let exported = try await version(context, as: "der")
        return attachment(exported, "cer", "application/pkix-cert", exported.chain.first?.der ?? [])
    }

    private func pkcs7(_ context: AuthenticatedContext) async throws -> OutgoingResponse {
        let exported = try await version(context, as: "pkcs7")
        return attachment(
            exported, "p7c", "application/pkcs7-mime; smime-type=certs-only", CertificatesOnly.encode(exported.chain))
    }

    private func pkcs12(_ context: AuthenticatedContext) async throws -> OutgoingResponse {
        let request: ExportPKCS12Request = try context.request.decode()
        let exported = try await version(context, as: "pkcs12", isTrustStore: true)
        let octets = try await TrustStoreFile.pkcs12(
            of: exported.chain, password: Secret(request.password),
            scheme: request.parameters == PKCS12Parameters.legacy.rawValue ? .legacy : .modern, random)
        return attachment(exported, "p12", "application/x-pkcs12", octets)
    }

    private func jks(_ context: AuthenticatedContext) async throws -> OutgoingResponse {
        let request: ExportJKSRequest = try context.request.decode()
        let exported = try await version(context, as: "jks", isTrustStore: true)
        let octets = try await TrustStoreFile.jks(
            of: exported.chain, password: Secret(request.password), at: time.now, random)
        return attachment(exported, "jks", "application/x-java-keystore", octets)
    }

    private func attachment(
        _ exported: ExportedVersion, _ ending: String, _ type: String, _ octets: [UInt8]
    ) -> OutgoingResponse {
        var response = OutgoingResponse.octets(200, type, octets)
        response.fields[.contentDisposition] = ContentDisposition.attachment("\(exported.name).\(ending)")
        return response
    }
}

/// The header field that names a file (RFC 6266), for names in any script.
enum ContentDisposition {
    /// A plain name for older clients, and the true one in the encoding of RFC 8187.
    static func attachment(_ name: String) -> String {
        let safe = Set("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789.-_".utf8)
        // A leading dot hides a file, and nothing of a name may lead out of the directory.
        let plain = String(decoding: name.utf8.map { safe.contains($0) ? $0 : UInt8(ascii: "_") }, as: UTF8.self)
        let shown = plain.hasPrefix(".") ? "_" + plain.dropFirst() : plain
        let encoded = name.utf8.map { octet in
            if safe.contains(octet) { return String(UnicodeScalar(octet)) }
            let digits = String(octet, radix: 16, uppercase: true)
            return "%" + (digits.count < 2 ? "0" : "") + digits
        }
        return "attachment; filename=\"\(shown)\"; filename*=UTF-8''\(encoded.joined())"
    }
}
