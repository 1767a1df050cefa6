import Domain
import PKI
import Settings

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

/// The names in the generated certificate (specification, operations §4.2).
enum ServerNames {
    /// The configured names, else the host name, `localhost`, loopback addresses and the host of the public URL.
    static func resolve(_ configuration: ServerConfiguration) throws -> [SubjectAltName] {
        let configured = configuration.tls.subjectAltNames
        if !configured.isEmpty {
            do {
                return try SubjectAltName.canonicalOrder(configured.map { try SubjectAltName(classifying: $0) })
            } catch {
                throw StartUpFailure(.configuration, "CERTCTL_SERVER_TLS_SANS: \(error)")
            }
        }
        var candidates = ["localhost", "127.0.0.1", "::1", configuration.listener.publicURL.host]
        if let name = hostName() { candidates.append(name) }
        if !["0.0.0.0", "::"].contains(configuration.listener.host) { candidates.append(configuration.listener.host) }
        // A host name that no certificate can hold (an underscore, say) is left out rather than refused.
        return SubjectAltName.canonicalOrder(Set(candidates.compactMap { try? SubjectAltName(classifying: $0) }))
    }

    static func hostName() -> String? {
        var buffer = [CChar](repeating: 0, count: 256)
        guard gethostname(&buffer, buffer.count - 1) == 0 else { return nil }
        let name = String(decoding: buffer.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
        return name.isEmpty ? nil : name
    }
}
