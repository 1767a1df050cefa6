import Domain
import Encoding
import HTTPServing
import HTTPTypes
import Lifecycle
import PKI
import Store

/// Orders, authorizations, certificates and their revocation (RFC 8555 §7.4–7.6).
extension ACMEHandlers {
    func newOrder(_ call: Call) async throws -> OutgoingResponse {
        let (verified, account) = try await signed(call)
        let members = try verified.object()
        do {
            let profile = try await chosen(members, call)
            let view = try await services.orders.create(
                try await request(members, by: account, under: profile), for: account, under: profile,
                from: call.origin)
            return response(view, call, status: 201)
        } catch let problem as ACMEProblem {
            if [.rejectedIdentifier, .unsupportedIdentifier].contains(problem.kind) {
                services.count(.newOrderRejected)
            }
            throw problem
        }
    }

    /// What is ordered. An order that takes the place of a certificate for the first time counts for no limit by the hour:
    /// renewals that were asked for are not to be held up (RFC 9773 §5).
    private func request(
        _ members: JSONObject, by account: ACMEAccount, under profile: ACMEProfile
    ) async throws -> ACMEOrderRequest {
        let plan = services.plan()
        var request = ACMEOrderRequest(names: try ACMENames.read(members["identifiers"], under: profile))
        var isExempt = false
        if plan.offersRenewalInfo, let value = members["replaces"], !value.isNull {
            guard let text = value.stringValue else { throw ACMEProblem(.malformed, "replaces must be a text") }
            let replaced = try await services.renewal.checkReplacement(of: text, by: account, for: request.names)
            isExempt = replaced.isFirst
            request.replaces = text
            request.replacedEnd = replaced.end
        }
        if !isExempt { try await takeOrder(of: account, under: profile) }
        request.notBefore = try Self.time(members, "notBefore")
        request.notAfter = try Self.time(members, "notAfter")
        return request
    }

    /// Counts an order: of the account first, so that one account alone does not use up what the profile allows all of them.
    private func takeOrder(of account: ACMEAccount, under profile: ACMEProfile) async throws {
        try await take("acme_orders", allowing: services.plan().ordersPerHour, of: account.id.text)
        try await take("acme_profile_orders", allowing: profile.fields.acmeOrdersPerHour, of: profile.id.text)
    }

    private static func time(_ members: JSONObject, _ name: String) throws(ACMEProblem) -> Timestamp? {
        guard let value = members[name], !value.isNull else { return nil }
        guard let text = value.stringValue, let time = try? Timestamp(rfc3339: text),
            time == Timestamp(secondsSinceEpoch: time.secondsSinceEpoch)
        else { throw ACMEProblem(.malformed, "\(name) must be a time to the second (RFC 3339)") }
        return time
    }

    /// The profile that an order names: one that the directory lists, or its own (draft-ietf-acme-profiles).
    private func chosen(_ members: JSONObject, _ call: Call) async throws -> ACMEProfile {
        guard let value = members["profile"], !value.isNull else { return call.profile }
        guard let text = value.stringValue else { throw ACMEProblem(.malformed, "profile must be a text") }
        guard text != call.profile.id.text else { return call.profile }
        let choices = try await services.accounts.choices(under: call.profile)
        guard let choice = choices.first(where: { $0.id.text == text }) else {
            throw ACMEProblem(.invalidProfile, "the directory lists no such profile")
        }
        return choice
    }

    /// An authorization ahead of any order (RFC 8555 §7.4.1).
    func newAuthorization(_ call: Call) async throws -> OutgoingResponse {
        let (verified, account) = try await signed(call)
        guard call.profile.offersPreauthorization else {
            throw ACMEProblem(.malformed, "names are authorized with orders alone here", status: 404)
        }
        let identifier = try verified.object()["identifier"] ?? .null
        try await takeOrder(of: account, under: call.profile)
        let names = try ACMENames.read(.array([identifier]), under: call.profile)
        guard let name = names.first else { throw ACMEProblem(.malformed, "identifier must be given") }
        let (view, isNew) = try await services.orders.authorize(
            name, for: account, under: call.profile, from: call.origin)
        var response = response(view, call, status: isNew ? 201 : 200)
        response.fields[.location] = call.place.authorization(view.authorization.id)
        return response
    }

    /// When to renew (RFC 9773 §4). Whoever holds a certificate may ask; nothing is signed.
    func renewalInfo(_ call: Call) async throws -> OutgoingResponse {
        let plan = services.plan()
        guard plan.offersRenewalInfo else {
            throw ACMEProblem(.malformed, "this server offers no renewal information", status: 404)
        }
        let window = try await services.renewal.window(call.parameter("cert_id"), under: call.profile)
        var response = OutgoingResponse.json(value: ACMEObjects.renewalInfo(window, plan))
        response.fields[.retryAfter] = String(max(1, Int(plan.renewalInfoInterval.inSeconds)))
        response.fields[.accessControlAllowOrigin] = "*"
        return response
    }

    func order(_ call: Call) async throws -> OutgoingResponse {
        let (_, account) = try await read(call)
        return response(try await services.orders.order(call.parameter("order_id"), of: account), call)
    }

    func finalize(_ call: Call) async throws -> OutgoingResponse {
        let (verified, account) = try await signed(call)
        guard let text = try verified.object()["csr"]?.stringValue, let der = Base64URL.decode(text) else {
            throw ACMEProblem(.badCSR, "csr must be a certificate request in base64url")
        }
        let id = call.parameter("order_id")
        try await services.finalize.finalize(
            id, der: der, for: account, key: verified.key.accountKey, under: call.profile, from: call.origin)
        return response(try await services.orders.order(id, of: account), call)
    }

    func authorization(_ call: Call) async throws -> OutgoingResponse {
        let (verified, account) = try await signed(call)
        let id = call.parameter("authz_id")
        guard !verified.isRead else {
            return response(try await services.orders.authorization(id, of: account), call)
        }
        guard try verified.object()["status"]?.stringValue == ACMEAuthorizationStatus.deactivated.rawValue else {
            throw ACMEProblem(.malformed, "the only change of an authorization is to deactivate it")
        }
        return response(
            try await services.orders.deactivate(id, of: account, from: call.origin), call)
    }

    /// `{}` says that the proof is in place (RFC 8555 §7.5.1); an empty payload reads.
    func challenge(_ call: Call) async throws -> OutgoingResponse {
        let (verified, account) = try await signed(call)
        var challenge = try await services.orders.challenge(call.parameter("challenge_id"), of: account)
        if !verified.isRead {
            _ = try verified.object()
            try await take("acme_challenges", allowing: services.plan().answersPerHour, of: challenge.id.text)
            challenge = try await services.challenges.answer(
                challenge, of: account, as: call.place.account(account.id), from: call.origin)
        }
        var response = OutgoingResponse.json(value: ACMEObjects.challenge(challenge, call.place, services.plan()))
        let authorization = call.place.authorization(challenge.authorizationID)
        response.fields.append(HTTPField(name: .link, value: "<\(authorization)>;rel=\"up\""))
        if challenge.status == .processing {
            response.fields[.retryAfter] = Self.seconds(pause(challenge, .seconds(2)))
        }
        return response
    }

    // MARK: Certificates

    func certificate(_ call: Call) async throws -> OutgoingResponse { try await certificate(call, chain: 0) }

    /// Another chain of the same certificate (RFC 8555 §7.4.2).
    func alternate(_ call: Call) async throws -> OutgoingResponse {
        let text = call.parameter("n")
        guard let number = Int(text), number > 0, String(number) == text else {
            throw ACMEProblem(.malformed, "the certificate has no such chain", status: 404)
        }
        return try await certificate(call, chain: number)
    }

    /// Each chain names the others.
    private func certificate(_ call: Call, chain number: Int) async throws -> OutgoingResponse {
        let (_, account) = try await read(call)
        let id = call.parameter("cert_id")
        let (chain, alternates) = try await services.finalize.chain(
            id, alternate: number > 0 ? number : nil, for: account)
        if let leaf = chain.first { call.notes.note(serial: leaf.serialNumber.hex) }
        var response = encoded(chain, call)
        for other in 0...alternates where other != number {
            let address = call.place.certificate(id, chain: other)
            response.fields.append(HTTPField(name: .link, value: "<\(address)>;rel=\"alternate\""))
        }
        return response
    }

    private func encoded(_ chain: [X509Certificate], _ call: Call) -> OutgoingResponse {
        if call.context.request.prefers("application/pkix-cert", over: "application/pem-certificate-chain"),
            let leaf = chain.first
        {
            return .octets(200, "application/pkix-cert", leaf.der)
        }
        if call.context.request.prefers("application/pkcs7-mime", over: "application/pem-certificate-chain") {
            return .octets(200, "application/pkcs7-mime", CertificatesOnly.encode(chain))
        }
        return .text(200, "application/pem-certificate-chain", chain.map(\.pem).joined())
    }

    func revoke(_ call: Call) async throws -> OutgoingResponse {
        let verified = try await gate.verify(call, by: .either)
        let members = try verified.object()
        guard let text = members["certificate"]?.stringValue, let der = Base64URL.decode(text) else {
            throw ACMEProblem(.malformed, "certificate must be a certificate in base64url")
        }
        var code: Int64?
        if let reason = members["reason"] {
            guard let number = reason.integerValue else {
                throw ACMEProblem(.badRevocationReason, "reason must be a number")
            }
            code = number
        }
        let revoker: ACMERevoker =
            verified.account.map { .account($0, call.profile) }
            ?? .certificateKey(spkiSHA256: verified.key.key.spkiSHA256)
        let revoked = try await services.revocation.revoke(der, code: code, by: revoker, from: call.origin)
        call.notes.note(revoked: revoked, byItsKey: verified.account == nil)
        return .empty(200)
    }

    // MARK: Parts

    private func signed(_ call: Call) async throws -> (ACMEGate.Verified, ACMEAccount) {
        let verified = try await gate.verify(call, by: .account)
        guard let account = verified.account else { throw ACMEProblem(.malformed, "there is no account") }
        return (verified, account)
    }

    /// POST-as-GET (RFC 8555 §6.3).
    private func read(_ call: Call) async throws -> (ACMEGate.Verified, ACMEAccount) {
        let (verified, account) = try await signed(call)
        guard verified.isRead else { throw ACMEProblem(.malformed, "the payload of this request must be empty") }
        return (verified, account)
    }

    private func response(_ view: ACMEOrderView, _ call: Call, status: Int = 200) -> OutgoingResponse {
        call.notes.note(view.order)
        var response = OutgoingResponse.json(
            value: ACMEObjects.order(view, call.place, under: call.profile, at: services.time.now), status: status,
            location: call.place.order(view.order.id))
        if view.order.status == .processing {
            // A CA that asked for a pause is not asked before, and nothing changes until then.
            let asked = min(view.order.retryAt.map { $0 - services.time.now } ?? .zero, Self.longestPoll)
            response.fields[.retryAfter] = Self.seconds(max(view.pause, asked))
        }
        return response
    }

    /// Seconds between two looks of a client at its order.
    private static let longestPoll = Duration.minutes(5)

    private func response(
        _ view: ACMEAuthorizationView, _ call: Call, status: Int = 200
    ) -> OutgoingResponse {
        if let order = view.authorization.orderID { call.notes.note(order: order) }
        var response = OutgoingResponse.json(
            value: ACMEObjects.authorization(view, call.place, services.plan()), status: status)
        let underWay = view.challenges.filter { $0.status == .processing }
        if view.status == .pending, let shortest = underWay.map({ pause($0, .seconds(1)) }).min() {
            response.fields[.retryAfter] = Self.seconds(shortest)
        }
        return response
    }

    /// Until a challenge may have come further: what an `attempt` takes, or that after the next one begins.
    private func pause(_ challenge: ACMEChallenge, _ attempt: Duration) -> Duration {
        guard let next = challenge.nextAttemptAt else { return attempt }
        return max(next - services.time.now, .zero) + attempt
    }

    /// For `Retry-After`: at least one.
    private static func seconds(_ pause: Duration) -> String { String(max(1, Int(pause.inSeconds.rounded(.up)))) }
}
