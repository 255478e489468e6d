// What all connections of a client have in common.
#ifndef HDIKAFKA_DETAIL_NET_TRANSPORT_SETTINGS_HPP
#define HDIKAFKA_DETAIL_NET_TRANSPORT_SETTINGS_HPP

#include <hdikafka/detail/http/url.hpp>
#include <hdikafka/detail/net/proxy_choice.hpp>
#include <hdikafka/milliseconds.hpp>
#include <hdikafka/observer.hpp>
#include <hdikafka/retry_policy.hpp>
#include <hdikafka/tls_options.hpp>

#include <cstddef>
#include <optional>
#include <string>
#include <vector>

namespace hdikafka::inline v0_1::detail {

class transport_settings
{
public:
    transport_settings() = default;

    tls_options tls;
    milliseconds connect_timeout{10'000};
    milliseconds idle_timeout{30'000};
    milliseconds max_idle_time{60'000};
    milliseconds max_connection_age{600'000};
    std::size_t max_connections = 16;
    std::string user_agent;
    retry_policy retry; ///< of token requests; a call to the service brings its own
    std::optional<std::string> proxy;
    proxy_variables environment;
    url pinned;                    ///< The one origin that `pins` are for.
    std::vector<std::string> pins; ///< Of the server's key, in base64; any will do when there are none.
    hdikafka::observer observer;
};

} // namespace hdikafka::inline v0_1::detail

#endif
