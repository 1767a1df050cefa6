package import Domain
package import Encoding

/// One event of the change stream (specification, rest-api §6.5).
package struct EventBody: WireValue {
    package var id = ""
    package var type = ""
    package var time = Timestamp.epoch
    package var subject = ""
    package var actor: EventActor?
    package var data = JSONObject()

    package init() {}

    package static let contract = Contract<Self>(
        "Event", "Something that changed.",
        [
            .required("id", \.id, .text(1...32, example: "0-4"), "Position in the stream."),
            .required("type", \.type, .text(1...64, example: "job.status_changed"), "Resource and verb."),
            .required("time", \.time, "When."),
            .required("subject", \.subject, .text(0...128, example: "job-1"), "Which resource."),
            .optional("actor", \.actor, "Who."),
            .defaulted("data", \.data, "Facts of the change."),
        ]
    )
}

package struct EventActor: WireValue {
    package var id = ""
    package var type = ActorType.system

    package init() {}

    package static let contract = Contract<Self>(
        "EventActor", "Who made a change.",
        [
            .required("id", \.id, .text(0...255, example: "ops"), "Name."),
            .required("type", \.type, "Kind of actor."),
        ]
    )
}

/// The long-poll form of the change stream.
package struct EventPage: WireValue {
    package var data: [EventBody] = []
    /// Pass it as `since` next time.
    package var lastEventID = ""

    package init() {}

    package static let contract = Contract<Self>(
        "EventPage", "Events since a position.",
        [
            .required("data", \.data, "In order."),
            .required("last_event_id", \.lastEventID, .text(0...32, example: "0-4"), "Position reached."),
        ]
    )
}
