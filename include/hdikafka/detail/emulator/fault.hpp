// Things that go wrong on purpose, and what the emulator remembers of its requests.
#ifndef HDIKAFKA_DETAIL_EMULATOR_FAULT_HPP
#define HDIKAFKA_DETAIL_EMULATOR_FAULT_HPP

#include <hdikafka/version.hpp>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

namespace hdikafka::inline v0_1 {

/// What a request to the emulator was for.
enum class emulator_route : unsigned char
{
    brokers,              ///< GET /v1/metadata/brokers
    topics,               ///< GET /v1/metadata/topics
    partitions,           ///< GET /v1/metadata/topics/{topic}/partitions
    partition,            ///< GET /v1/metadata/topics/{topic}/partitions/{id}
    create_topic,         ///< PUT /v1/topics/{topic}
    delete_topic,         ///< DELETE /v1/topics/{topic}
    produce,              ///< POST /v1/producer/topics/{topic}
    consume,              ///< GET /v1/consumer/topics/{topic}/partitions/{id}/offsets/{offset}
    token,                ///< POST /{tenant}/oauth2/v2.0/token
    openid_configuration, ///< GET /{tenant}/v2.0/.well-known/openid-configuration
    instance_discovery,   ///< GET /common/discovery/instance
    imds,                 ///< GET /metadata/identity/oauth2/token, without TLS like the next two
    app_service_identity, ///< GET /msi/token
    arc_identity,         ///< GET /metadata/arc/identity/oauth2/token
    status,               ///< GET /v1/status
    other,                ///< Anything else; answered with 404 or 405.
};

/// How many enumerators emulator_route has.
inline constexpr std::size_t emulator_route_count = 16;

/// The enumerator's name.
constexpr std::string_view to_string(emulator_route route) noexcept
{
    switch (route) {
    case emulator_route::brokers: return "brokers";
    case emulator_route::topics: return "topics";
    case emulator_route::partitions: return "partitions";
    case emulator_route::partition: return "partition";
    case emulator_route::create_topic: return "create_topic";
    case emulator_route::delete_topic: return "delete_topic";
    case emulator_route::produce: return "produce";
    case emulator_route::consume: return "consume";
    case emulator_route::token: return "token";
    case emulator_route::openid_configuration: return "openid_configuration";
    case emulator_route::instance_discovery: return "instance_discovery";
    case emulator_route::imds: return "imds";
    case emulator_route::app_service_identity: return "app_service_identity";
    case emulator_route::arc_identity: return "arc_identity";
    case emulator_route::status: return "status";
    case emulator_route::other: break;
    }
    return "other";
}

/// One request that the emulator has handled.
class emulator_call
{
public:
    emulator_call() = default;

    emulator_route route = emulator_route::other; ///< What it was for.
    std::string method;                           ///< As it stood in the request line.
    std::string target;           ///< The path and query, still percent-encoded; 1024 bytes of them.
    std::string request_id;       ///< x-ms-client-request-id (client-request-id at the authority).
    std::uint64_t connection = 0; ///< Connections are numbered from 1 in the order of their acceptance.
    int status = 0;               ///< 0 when a fault kept the answer back.
};

/// A failure to be injected with emulator.inject(): it befalls the next request of its route, or, when
/// none is set, the next that is neither the authority's nor a managed identity's, once or as often as
/// times() says.
class emulator_fault
{
public:
    /// The request is not handled; this status is the answer, with a body in the words of the proxy, of Entra
    /// or of the managed identity endpoint, whichever was asked.
    static emulator_fault answer(int status) { return emulator_fault(kind::answer, status); }

    /// The request is not handled; the connection is closed without an answer.
    static emulator_fault drop_request() { return emulator_fault(kind::drop_request, 0); }

    /// The request is handled, records are written; the connection is closed without an answer.
    static emulator_fault drop_answer() { return emulator_fault(kind::drop_answer, 0); }

    /// The request is handled, and nothing is answered for as long as the peer waits.
    static emulator_fault stall() { return emulator_fault(kind::stall, 0); }

    /// The request is handled at once, and its answer comes that much later.
    static emulator_fault slow(std::chrono::milliseconds delay)
    {
        emulator_fault out(kind::slow, 0);
        out.delay_ = delay;
        return out;
    }

    /// The route to befall.
    emulator_fault& on(emulator_route route) &
    {
        route_ = route;
        return *this;
    }
    emulator_fault&& on(emulator_route route) && { return std::move(on(route)); }

    /// How many requests it befalls; 1 by default.
    emulator_fault& times(std::size_t count) &
    {
        times_ = count;
        return *this;
    }
    emulator_fault&& times(std::size_t count) && { return std::move(times(count)); }

    /// Adds a Retry-After field to the answer.
    emulator_fault& retry_after(std::chrono::seconds delay) &
    {
        retry_after_ = delay;
        return *this;
    }
    emulator_fault&& retry_after(std::chrono::seconds delay) && { return std::move(retry_after(delay)); }

    /// What becomes of the request; see the functions of the same names.
    enum class kind : unsigned char
    {
        answer,       ///< Not handled, answered with status().
        drop_request, ///< Not handled, not answered.
        drop_answer,  ///< Handled, not answered.
        stall,        ///< Handled, and silence.
        slow,         ///< Handled, answered after delay().
    };

    /// What becomes of the request.
    kind what() const noexcept { return kind_; }
    /// The status that answer() was given; 0 for every other kind.
    int status() const noexcept { return status_; }
    /// The argument of on(); nothing when it was not called.
    std::optional<emulator_route> route() const noexcept { return route_; }
    std::size_t times() const noexcept { return times_; }
    /// The argument of slow(); 0 for every other kind.
    std::chrono::milliseconds delay() const noexcept { return delay_; }
    std::optional<std::chrono::seconds> retry_after() const noexcept { return retry_after_; }

private:
    emulator_fault(kind what, int status) : kind_(what), status_(status) {}

    kind kind_;
    int status_;
    std::optional<emulator_route> route_;
    std::size_t times_ = 1;
    std::chrono::milliseconds delay_{0};
    std::optional<std::chrono::seconds> retry_after_;
};

} // namespace hdikafka::inline v0_1

#endif
