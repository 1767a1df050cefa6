/// When something waits for a second person, where a setting says so.
package enum SecondPersonRule: Sendable {
    /// As soon as two administrators exist who may approve: before that nobody could.
    case automatic
    case always
    case never
}
