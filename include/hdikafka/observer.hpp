// observer: what a client tells of its work, for logs, metrics and traces.
#ifndef HDIKAFKA_OBSERVER_HPP
#define HDIKAFKA_OBSERVER_HPP

#include <hdikafka/version.hpp>

#include <chrono>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string_view>
#include <system_error>
#include <type_traits>
#include <utility>

namespace hdikafka::inline v0_1 {

/// The call that an event belongs to. The texts live as long as the observer's call.
class observed_call
{
public:
    observed_call() = default;

    std::string_view operation;  ///< "produce", "fetch", "token", …
    std::string_view topic;      ///< The topic, or empty.
    std::string_view request_id; ///< x-ms-client-request-id, the same over the call's attempts.
};

/// A request to the service or to a token authority begins: once for each call, before its first attempt.
class request_started
{
public:
    request_started() = default;

    observed_call call; ///< Which one.
};

/// One attempt at it is over.
class attempt_ended
{
public:
    attempt_ended() = default;

    observed_call call;                    ///< Which one.
    int attempt = 1;                       ///< 1 for the first.
    int http_status = 0;                   ///< The answer's status; 0 without one.
    std::error_code code;                  ///< Why there is no answer, or what the answer means as an errc.
    std::chrono::microseconds duration{0}; ///< With waiting for a connection and making one.
    std::uint64_t bytes_sent = 0;          ///< On the wire, TLS's own included, handshakes not.
    std::uint64_t bytes_received = 0;      ///< Likewise.
    bool reused = false;                   ///< The connection had served before.
};

/// Another attempt follows.
class retry_scheduled
{
public:
    retry_scheduled() = default;

    observed_call call;                 ///< Which one.
    int attempt = 1;                    ///< The one that failed.
    int http_status = 0;                ///< Its answer's status; 0 without one.
    std::error_code code;               ///< Why it failed.
    std::chrono::milliseconds delay{0}; ///< How long the call waits before the next one.
};

/// The call is over: once for each request_started.
class request_ended
{
public:
    request_ended() = default;

    observed_call call;   ///< Which one.
    int attempts = 0;     ///< How many there were.
    std::error_code code; ///< How it ended; empty when there is a good answer. That its body is
                          ///< not what the API describes, the caller alone hears.
    std::chrono::microseconds duration{0}; ///< From request_started on.
};

/// A token was asked for, by the first call that needs one or in the background.
class token_renewed
{
public:
    token_renewed() = default;

    std::error_code code;                  ///< Empty when there is a new token.
    std::string_view source;               ///< Who was asked: "client secret", "managed identity (IMDS)", ….
    std::string_view passed_over;          ///< Of a chain: why the credentials before it were not used.
    std::chrono::seconds expires_in{0};    ///< Its life.
    std::chrono::microseconds duration{0}; ///< With the request's retries.
};

/// Why a stream passed over offsets.
enum class skip_cause : unsigned char
{
    retention,  ///< They were deleted before they were read.
    truncated,  ///< The topic became shorter than the position, or is another one now.
    unreadable, ///< The service has records there and does not return them.
    recreated,  ///< The topic is another one than the checkpoint is of; `to` may be before `from`.
};

/// A stream passed over offsets, as its options say (on_out_of_range(), on_unreadable()).
class records_skipped
{
public:
    records_skipped() = default;

    std::string_view topic;                   ///< Of the stream.
    std::int32_t partition = 0;               ///< Likewise.
    std::int64_t from = 0;                    ///< The first offset that was passed over.
    std::int64_t to = 0;                      ///< Where it goes on; before `from` when truncated.
    skip_cause cause = skip_cause::retention; ///< Why.
};

/// A connection is ready: looked up, connected, through the proxy if there is one, TLS agreed on.
class connection_opened
{
public:
    connection_opened() = default;

    std::string_view host;                 ///< The host asked for.
    std::uint16_t port = 0;                ///< Its port.
    std::string_view tls_version;          ///< "TLSv1.3", "TLSv1.2"; empty without TLS.
    bool resumed = false;                  ///< An earlier TLS session was taken up again.
    bool proxied = false;                  ///< It goes through an HTTP proxy.
    std::chrono::microseconds duration{0}; ///< From looking up to here.
};

/// Why a connection was closed.
enum class connection_end : unsigned char
{
    failed,   ///< An exchange on it failed, was cancelled or ran out of time.
    finished, ///< The server said that it ends with this answer.
    retired,  ///< It was idle for too long, or too old.
    dropped,  ///< The server closed it, or sent something, while it was idle; or it did so to another one.
    closed,   ///< The client was closed, or its last handle is gone.
};

/// A connection that was ready is closed.
class connection_closed
{
public:
    connection_closed() = default;

    std::string_view host;                         ///< The host asked for.
    std::uint16_t port = 0;                        ///< Its port.
    connection_end cause = connection_end::closed; ///< Why.
    std::size_t exchanges = 0;                     ///< How many requests it served.
    std::chrono::milliseconds age{0};              ///< Since it was ready.
};

/// Told of what a client does; see client_options::observer. Made from anything that can be called with one
/// or more of the events above; of the others it hears nothing:
///
///     class retries { public: void operator()(hk::retry_scheduled const& event) { ++count; } … };
///     options.observer(hk::observer(retries()));
///
/// No event holds a token, a secret, a body or a header field. The function is called by the threads that
/// work for the client, several at a time, by the one that drops its last handle, and by the one that
/// destroys the executor's context with calls in flight: what it refers to must live as long, a shared_ptr
/// sees to that. Never with a lock held, so that it may call the client. It must not block: the call waits
/// for it. What it throws is dropped. Copies share one function.
class observer
{
public:
    /// Nobody listens, which costs nothing.
    observer() = default;

    /// Takes the function, or an object with several, which must be copyable or movable.
    template <class Function>
        requires(!std::same_as<std::remove_cvref_t<Function>, observer>)
    explicit observer(Function function)
        : listener_(std::make_shared<listener_of<Function>>(std::move(function)))
    {
        static_assert(hears<Function, request_started> || hears<Function, attempt_ended> ||
                          hears<Function, retry_scheduled> || hears<Function, request_ended> ||
                          hears<Function, token_renewed> || hears<Function, connection_opened> ||
                          hears<Function, connection_closed> || hears<Function, records_skipped>,
                      "an observer is called with an event, by const reference");
    }

    /// The same for an object that the program keeps looking at; nobody listens when there is none.
    template <class Object>
    explicit observer(std::shared_ptr<Object> object)
    {
        if (object)
            *this = observer([object](auto const& event)
                                 requires std::invocable<Object&, decltype(event)>
                             { (*object)(event); });
    }

    explicit operator bool() const noexcept { return listener_ != nullptr; }

    /// For the library: says it, if anybody listens.
    template <class Event>
    void operator()(Event const& event) const noexcept
    {
        if (listener_)
            listener_->on(event);
    }

private:
    template <class Function, class Event>
    static constexpr bool hears = std::invocable<Function&, Event const&>;

    class listener
    {
    public:
        virtual ~listener() = default;
        virtual void on(request_started const&) noexcept = 0;
        virtual void on(attempt_ended const&) noexcept = 0;
        virtual void on(retry_scheduled const&) noexcept = 0;
        virtual void on(request_ended const&) noexcept = 0;
        virtual void on(token_renewed const&) noexcept = 0;
        virtual void on(connection_opened const&) noexcept = 0;
        virtual void on(connection_closed const&) noexcept = 0;
        virtual void on(records_skipped const&) noexcept = 0;
    };

    template <class Function>
    class listener_of final : public listener
    {
    public:
        explicit listener_of(Function function) : function_(std::move(function)) {}

        void on(request_started const& event) noexcept override { tell(event); }
        void on(attempt_ended const& event) noexcept override { tell(event); }
        void on(retry_scheduled const& event) noexcept override { tell(event); }
        void on(request_ended const& event) noexcept override { tell(event); }
        void on(token_renewed const& event) noexcept override { tell(event); }
        void on(connection_opened const& event) noexcept override { tell(event); }
        void on(connection_closed const& event) noexcept override { tell(event); }
        void on(records_skipped const& event) noexcept override { tell(event); }

    private:
        template <class Event>
        void tell([[maybe_unused]] Event const& event) noexcept
        {
            if constexpr (hears<Function, Event>) {
                try {
                    function_(event);
                } catch (...) { // NOLINT(bugprone-empty-catch): telling must not change what is told
                }
            }
        }

        Function function_;
    };

    std::shared_ptr<listener> listener_;
};

} // namespace hdikafka::inline v0_1

#endif
