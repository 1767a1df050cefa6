import Testing

@testable import Domain

@Suite("Ballot SC-067: how many perspectives have to confirm a proof")
struct ACMEQuorumTests {
    @Test(
        "all but one of two to five, all but two of more, one alone; what the operator demands goes before",
        arguments: [
            (1, 0, 1), (2, 0, 1), (3, 0, 2), (5, 0, 4), (6, 0, 4), (16, 0, 14), (3, 3, 3), (5, 2, 2), (2, 9, 2),
        ])
    func needed(asked: Int, wanted: Int, needed: Int) {
        #expect(ACMEQuorum(of: asked, wanted: wanted).needed == needed)
    }

    @Test("it is decided as soon as nothing that is still to be said can change it")
    func decisions() {
        let quorum = ACMEQuorum(of: 3, wanted: 0)
        #expect(quorum.decision(confirmed: 0, refused: 0) == .open)
        #expect(quorum.decision(confirmed: 1, refused: 1) == .open)
        #expect(quorum.decision(confirmed: 2, refused: 0) == .met)
        #expect(quorum.decision(confirmed: 2, refused: 1) == .met)
        #expect(quorum.decision(confirmed: 0, refused: 2) == .missed)
        #expect(quorum.decision(confirmed: 1, refused: 2) == .missed)
        // For every number of perspectives and demand: met and missed exclude each other, and all votes decide.
        for asked in 1...16 {
            for wanted in 0...16 {
                let quorum = ACMEQuorum(of: asked, wanted: wanted)
                #expect((1...asked).contains(quorum.needed))
                for confirmed in 0...asked {
                    #expect(quorum.decision(confirmed: confirmed, refused: asked - confirmed) != .open)
                }
            }
        }
    }

    @Test(
        "names of perspectives are short words",
        arguments: [("eu", true), ("us-east-1", true), ("", false), ("EU", false), ("a b", false), ("a=b", false)])
    func names(text: String, isName: Bool) {
        #expect(ACMEPerspective.isName(text) == isName)
        #expect(!ACMEPerspective.isName(text + String(repeating: "x", count: 33)))
    }
}
