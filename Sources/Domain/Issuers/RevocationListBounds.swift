/// How long revocation lists may be good, and how often they may be made anew.
package enum RevocationListBounds {
    /// In seconds.
    package static let validities = 60...31_536_000
    /// In seconds; half of the longest validity at most.
    package static let intervals = 1...validities.upperBound / 2
}
