import Domain
import Outbound

extension EnrolmentNetwork {
    /// The network of this host.
    static func live(
        url: HTTPSURL,
        host: HostFacts,
        environment: [String: String],
        time: TimeSource,
        random: RandomSource
    ) throws -> EnrolmentNetwork {
        let proxy = try OutboundProxy(environment: environment, for: url)
        return EnrolmentNetwork(
            anchor: { url, pin in try await PinnedFetch.anchor(of: url, pin: pin, timeout: .seconds(10)) },
            exchange: { trust, token, call in
                let connection = try ControlPlaneConnection(
                    url: url,
                    userAgent: host.userAgent,
                    proxy: proxy,
                    time: time,
                    random: random,
                    load: { ConnectionCredentials(trust: trust, headers: [("X-Certctl-Bootstrap-Token", token)]) }
                )
                do {
                    let answer = try await connection.exchange(call)
                    try await connection.shutdown()
                    return answer
                } catch {
                    try? await connection.shutdown()
                    throw error
                }
            }
        )
    }
}
