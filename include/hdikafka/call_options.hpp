// What one call may change.
#ifndef HDIKAFKA_CALL_OPTIONS_HPP
#define HDIKAFKA_CALL_OPTIONS_HPP

#include <hdikafka/milliseconds.hpp>
#include <hdikafka/version.hpp>

#include <optional>
#include <string>
#include <utility>

namespace hdikafka::inline v0_1 {

/// What one call may change. The last parameter of every operation.
class call_options
{
public:
    /// The time for the whole call, retries included; the client's total_timeout when not set.
    /// Zero or less fails the call with errc::timed_out before anything is sent.
    call_options& timeout(milliseconds limit) &
    {
        timeout_ = limit;
        return *this;
    }
    call_options&& timeout(milliseconds limit) && { return std::move(timeout(limit)); }

    /// The x-ms-client-request-id of the call, the same on all the requests that it takes; a random UUID when
    /// not set. Visible ASCII only, otherwise the call fails with errc::invalid_option.
    call_options& request_id(std::string id) &
    {
        request_id_ = std::move(id);
        return *this;
    }
    call_options&& request_id(std::string id) && { return std::move(request_id(std::move(id))); }

    std::optional<milliseconds> timeout() const noexcept { return timeout_; }
    std::string const& request_id() const noexcept { return request_id_; }

private:
    std::optional<milliseconds> timeout_;
    std::string request_id_;
};

} // namespace hdikafka::inline v0_1

#endif
