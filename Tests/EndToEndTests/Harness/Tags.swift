import Testing

extension Tag {
    @Tag static var slow: Self
    @Tag static var fault: Self
    @Tag static var security: Self
}
