import ConnectorKit
import Domain
import IssuerConnectors
import PKI
import Query
import Store

/// The period that a client orders: honoured to the second, or refused (RFC 8555 §7.4).
enum ACMEPeriod {
    /// How far back a certificate may begin where the profile says nothing of it.
    private static let usualBackdate = Duration.hours(1)

    /// Throws unless the profile allows the period of a request.
    static func check(
        _ request: ACMEOrderRequest, under profile: ACMEProfile, now: Timestamp, orderTTL: Duration
    ) throws {
        guard request.notBefore != nil || request.notAfter != nil else { return }
        let rules: ProfileRules
        do {
            rules = try Preflight.rules(of: profile.fields, allowing: AlgorithmPolicy())
        } catch {
            throw ACMEProblem(.serverInternal, "the profile can't be applied; tell the operator of this server")
        }
        if let start = request.notBefore {
            let earliest = now - (rules.backdate ?? usualBackdate)
            guard start >= earliest, start <= now + orderTTL else {
                throw ACMEProblem(
                    .malformed,
                    "notBefore must lie between \(earliest.rfc3339) and the end of the order, \((now + orderTTL).rfc3339)"
                )
            }
        }
        if let end = request.notAfter {
            guard end > max(now, request.notBefore ?? now) else {
                throw ACMEProblem(.malformed, "notAfter must lie in the future, and after notBefore")
            }
            let most = profile.fields.maxTTLSeconds
            guard most == 0 || end - (request.notBefore ?? now) + .seconds(1) <= .seconds(most) else {
                throw ACMEProblem(.malformed, "the profile allows certificates of \(most) seconds at most")
            }
        }
    }

    /// Throws unless the issuer can give a certificate its period.
    static func check(_ request: ACMEOrderRequest, by issuer: IssuerID, in tx: any Transaction) throws {
        guard request.notBefore != nil || request.notAfter != nil else { return }
        guard let type = try IssuerStore().find(issuer, in: tx)?.type,
            try IssuerCatalog.capabilities(of: type).honoursTemplates
        else {
            throw ACMEProblem(.malformed, "the issuer decides about the validity; leave notBefore and notAfter out")
        }
    }
}
