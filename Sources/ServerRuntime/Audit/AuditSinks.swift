import Domain
import HostEffects
import Lifecycle
import Outbound
import Settings

/// The receivers outside that the configuration names.
enum AuditSinks {
    private static let timeout = Duration.seconds(20)

    static func make(
        _ configuration: AuditConfiguration, through egress: EgressGuard, fileSystem: FileSystem, time: TimeSource
    ) throws -> [AuditSink] {
        var sinks: [AuditSink] = []
        if let syslog = configuration.syslog { sinks.append(try make(syslog, egress, fileSystem)) }
        if let webhook = configuration.webhook { sinks.append(try make(webhook, egress, fileSystem, time)) }
        return sinks
    }

    private static func make(
        _ syslog: AuditConfiguration.Syslog, _ egress: EgressGuard, _ fileSystem: FileSystem
    ) throws -> AuditSink {
        let content: SyslogText.Content =
            switch syslog.format {
            case .rfc5424: .rfc5424
            case .cef: .cef
            }
        let text = SyslogText(hostName: ServerNames.hostName() ?? "", content: content)
        let sender = StreamSender(
            to: TLSEndpoint(host: syslog.location.host, port: syslog.location.port),
            purpose: .audit,
            trust: syslog.location.isEncrypted ? try trust(syslog.caBundle, fileSystem) : nil,
            timeout: timeout,
            through: egress
        )
        return AuditSink(name: "syslog \(syslog.location.text)", batch: 200) { items in
            try await sender.send(text.frames(items))
        }
    }

    private static func make(
        _ webhook: AuditConfiguration.Webhook, _ egress: EgressGuard, _ fileSystem: FileSystem, _ time: TimeSource
    ) throws -> AuditSink {
        let url: HTTPSURL
        do {
            url = try HTTPSURL(webhook.url.text)
        } catch {
            throw StartUpFailure(.configuration, "CERTCTL_AUDIT_WEBHOOK_URL: \(error)")
        }
        let http = try OutboundHTTP(
            purpose: .audit, trust: try trust(webhook.caBundle, fileSystem),
            userAgent: "certctl-audit/\(Version.number)", through: egress)
        let secret = webhook.secret
        return AuditSink(name: "webhook \(url)", batch: 100, close: { try? await http.shutdown() }) { items in
            let delivery = WebhookDelivery(items, at: time.now, secret: secret)
            let reply = try await http.send(
                "POST", url, path: "", headers: delivery.headers, body: delivery.body, timeout: timeout)
            guard (200..<300).contains(reply.status) else {
                throw AuditFailure("\(url) answered \(reply.status)")
            }
        }
    }

    private static func trust(_ bundle: String?, _ fileSystem: FileSystem) throws -> TrustAnchors {
        guard let bundle else { return .system }
        guard let octets = try fileSystem.read(PathRules.realPath(bundle) ?? bundle) else {
            throw StartUpFailure(.configuration, "\(bundle) does not exist")
        }
        do {
            return try TrustAnchors(pemBundle: String(decoding: octets, as: UTF8.self))
        } catch {
            throw StartUpFailure(.configuration, "\(bundle): \(error)")
        }
    }
}
