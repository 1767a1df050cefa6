import Domain
import Outbound

/// A page of a web server on port 80 (RFC 8555 §8.3).
struct HTTP01: Sendable {
    static let redirectLimit = 10

    let fetch: WebFetch
    let port: Int

    func validate(_ proof: ChallengeProof, within timeout: Duration) async throws(ChallengeFailure) {
        let clock = ContinuousClock()
        let deadline = clock.now + timeout
        var place = WebLocation(
            host: proof.name.value, port: port, path: "/.well-known/acme-challenge/\(proof.token)")
        for _ in 0...Self.redirectLimit {
            let answer = try await get(place, until: deadline - clock.now)
            switch answer.status {
            case 200: return try check(answer.body, proof)
            case 301, 302, 303, 307, 308: place = try next(answer.location, from: place)
            default:
                throw ChallengeFailure(
                    .unauthorized, "\(place.shownHost) answered with status \(answer.status) instead of 200")
            }
        }
        throw ChallengeFailure(
            .connection, "\(proof.name.value) redirects more than \(Self.redirectLimit) times", isTransient: false)
    }

    private func get(_ place: WebLocation, until rest: Duration) async throws(ChallengeFailure) -> WebAnswer {
        do throws(OutboundError) {
            return try await fetch.get(place, hostField: place.shownHost, timeout: max(rest, .milliseconds(1)))
        } catch {
            throw ChallengeFailure(error, of: place.shownHost, isHandshake: false)
        }
    }

    /// Nobody is sent to other ports than the web has, or to where the first request already went.
    private func next(_ reference: String?, from place: WebLocation) throws(ChallengeFailure) -> WebLocation {
        guard let reference, let next = WebLocation(reference, from: place) else {
            throw ChallengeFailure(
                .connection, "\(place.shownHost) redirects to what is no http or https address", isTransient: false)
        }
        guard [80, 443, port].contains(next.port) else {
            throw ChallengeFailure(
                .connection, "\(place.shownHost) redirects to port \(next.port); 80 and 443 are followed",
                isTransient: false)
        }
        return next
    }

    /// The key authorization, and white space after it.
    private func check(_ body: [UInt8], _ proof: ChallengeProof) throws(ChallengeFailure) {
        var text = body[...]
        while let last = text.last, [0x20, 0x09, 0x0A, 0x0D].contains(last) { text = text.dropLast() }
        guard text.elementsEqual(proof.keyAuthorization.utf8) else {
            throw ChallengeFailure(
                .incorrectResponse,
                "the page under \(proof.name.value) does not hold the key authorization of this challenge")
        }
    }
}
