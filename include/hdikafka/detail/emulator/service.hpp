// The emulator without its network: a request in, an answer out. Finds the route, checks the token, lets
// injected faults happen and remembers what was asked.
#ifndef HDIKAFKA_DETAIL_EMULATOR_SERVICE_HPP
#define HDIKAFKA_DETAIL_EMULATOR_SERVICE_HPP

#include <hdikafka/detail/base/base64.hpp>
#include <hdikafka/detail/emulator/admin.hpp>
#include <hdikafka/detail/emulator/authority.hpp>
#include <hdikafka/detail/emulator/broker.hpp>
#include <hdikafka/detail/emulator/fault.hpp>
#include <hdikafka/detail/emulator/identity.hpp>
#include <hdikafka/detail/emulator/managed_identity.hpp>
#include <hdikafka/detail/emulator/message.hpp>
#include <hdikafka/detail/emulator/reading.hpp>
#include <hdikafka/detail/emulator/rest.hpp>

#include <array>
#include <cstddef>
#include <deque>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace hdikafka::inline v0_1::detail::emulation {

class emulator_route_row
{
public:
    emulator_route route;
    std::string_view method;
    std::string_view path; ///< `*` stands for any one segment.
};

inline constexpr std::array<emulator_route_row, 15> emulator_route_table{{
    {emulator_route::brokers, "GET", "v1/metadata/brokers"},
    {emulator_route::topics, "GET", "v1/metadata/topics"},
    {emulator_route::partitions, "GET", "v1/metadata/topics/*/partitions"},
    {emulator_route::partition, "GET", "v1/metadata/topics/*/partitions/*"},
    {emulator_route::create_topic, "PUT", "v1/topics/*"},
    {emulator_route::delete_topic, "DELETE", "v1/topics/*"},
    {emulator_route::produce, "POST", "v1/producer/topics/*"},
    {emulator_route::consume, "GET", "v1/consumer/topics/*/partitions/*/offsets/*"},
    {emulator_route::token, "POST", "*/oauth2/v2.0/token"},
    {emulator_route::openid_configuration, "GET", "*/v2.0/.well-known/openid-configuration"},
    {emulator_route::instance_discovery, "GET", "common/discovery/instance"},
    {emulator_route::imds, "GET", "metadata/identity/oauth2/token"},
    {emulator_route::app_service_identity, "GET", "msi/token"},
    {emulator_route::arc_identity, "GET", "metadata/arc/identity/oauth2/token"},
    {emulator_route::status, "GET", "v1/status"},
}};

inline bool path_matches(std::string_view pattern, std::span<std::string const> segments)
{
    for (auto const& segment : segments) {
        if (pattern.empty())
            return false;
        std::string_view const wanted = pattern.substr(0, pattern.find('/'));
        if (wanted != "*" && wanted != segment)
            return false;
        pattern.remove_prefix(std::min(wanted.size() + 1, pattern.size()));
    }
    return pattern.empty();
}

/// Not synchronised: the emulator holds a lock around every call.
class emulator_service
{
public:
    explicit emulator_service(emulator_options options, emulator_key_writer write_key = {})
        : options_(std::move(options)),
          broker_(options_),
          authority_(options_),
          identity_(options_, std::move(write_key))
    {}

    emulator_answer handle(emulator_request const& request, emulator_time now, emulator_random const& random)
    {
        auto const target = parse_target(request.target);
        remembered_ = false;
        if (is_for_admin(request, target))
            return admin_.answer(*this, request, *target, now);
        std::string allowed;
        emulator_route const route = target ? find_route(request, *target, allowed) : emulator_route::other;
        emulator_visit const visit{request, now, random};
        emulator_answer answer = target ? answer_or_fail(visit, route, *target, allowed)
                                        : proxy_error(400, "the target has an escape that is not %XX");
        remember(request, route, answer);
        admin_.handled(*this, route, now);
        return answer;
    }

    /// What is to be done about the body that is to follow this head. handle() is still to be called.
    emulator_welcome look(emulator_request const& request, emulator_time now) const
    {
        auto const target = parse_target(request.target);
        if (is_for_admin(request, target))
            return emulator_welcome::all;
        std::string allowed;
        emulator_route const route = target ? find_route(request, *target, allowed) : emulator_route::other;
        if (route == emulator_route::produce || route == emulator_route::create_topic)
            return check_token(request, now) ? emulator_welcome::refused : emulator_welcome::all;
        bool const takes_body = request.method == "POST" || request.method == "PUT";
        return takes_body && route != emulator_route::other ? emulator_welcome::little
                                                            : emulator_welcome::refused;
    }

    emulator_broker& broker() noexcept { return broker_; }
    emulator_authority& authority() noexcept { return authority_; }
    emulator_options const& options() const noexcept { return options_; }

    void inject(emulator_fault fault)
    {
        if (fault.times() > 0)
            faults_.push_back(std::move(fault));
    }
    void refuse_records(std::size_t count) noexcept { refused_records_ = count; }

    std::size_t count(emulator_route route) const noexcept
    {
        return counts_[static_cast<std::size_t>(route)];
    }
    std::vector<emulator_call> calls() const { return {calls_.begin(), calls_.end()}; }
    /// The one that was handled last; null when it is not remembered.
    emulator_call const* last_call() const noexcept
    {
        return remembered_ && !calls_.empty() ? &calls_.back() : nullptr;
    }
    void forget_calls()
    {
        calls_.clear();
        counts_.fill(0);
    }

private:
    static constexpr std::size_t max_calls = 10'000;
    static constexpr std::size_t max_remembered = 1'024; ///< Of a text; more than any that means something.

    static bool at_authority(emulator_route route) noexcept
    {
        return route == emulator_route::token || route == emulator_route::openid_configuration ||
               route == emulator_route::instance_discovery;
    }

    bool is_for_admin(emulator_request const& request, std::optional<emulator_target> const& target) const
    {
        return options_.admin() && target && emulator_admin<emulator_service>::is_for(request, *target);
    }

    /// What is there without TLS, and only there.
    static bool at_machine(emulator_route route) noexcept
    {
        return route == emulator_route::imds || route == emulator_route::app_service_identity ||
               route == emulator_route::arc_identity;
    }

    bool offered(emulator_route route) const noexcept
    {
        if (route == emulator_route::arc_identity)
            return !options_.arc_key_file().empty();
        return route != emulator_route::delete_topic || options_.delete_topics();
    }

    /// `allowed` collects the methods of a path that is known by others.
    emulator_route find_route(emulator_request const& request, emulator_target const& target,
                              std::string& allowed) const
    {
        std::span<std::string const> segments(target.segments);
        // Node's clients put a slash behind the paths of managed identities, and Azure does not mind.
        if (request.plain && segments.size() > 1 && segments.back().empty())
            segments = segments.first(segments.size() - 1);
        for (auto const& row : emulator_route_table) {
            if (at_machine(row.route) != request.plain || !path_matches(row.path, segments) ||
                !offered(row.route))
                continue;
            if (row.method == request.method)
                return row.route;
            allowed += allowed.empty() ? "" : ", ";
            allowed += row.method;
        }
        return emulator_route::other;
    }

    emulator_answer answer_or_fail(emulator_visit const& visit, emulator_route route,
                                   emulator_target const& target, std::string const& allowed)
    {
        auto const fault = next_fault(route);
        if (fault && fault->what() == emulator_fault::kind::answer) {
            emulator_answer answer = failure(fault->status(), "injected failure", visit, route);
            if (fault->retry_after())
                answer.field("Retry-After", std::to_string(fault->retry_after()->count()));
            return answer;
        }
        emulator_answer answer;
        if (!fault || fault->what() != emulator_fault::kind::drop_request)
            answer = answer_for(visit, route, target, allowed);
        if (!fault)
            return answer;
        answer.delay = fault->delay();
        if (fault->what() == emulator_fault::kind::stall)
            answer.action = emulator_action::stall;
        else if (fault->what() != emulator_fault::kind::slow)
            answer.action = emulator_action::drop;
        return answer;
    }

    /// In the words of whoever was asked.
    static emulator_answer failure(int status, std::string_view why, emulator_visit const& visit,
                                   emulator_route route)
    {
        if (at_authority(route))
            return entra_failure(status, why, visit);
        if (route == emulator_route::app_service_identity)
            return app_service_error(status, why);
        return visit.request.plain ? imds_failure(status, why) : proxy_error(status, why);
    }

    std::optional<emulator_fault> next_fault(emulator_route route)
    {
        for (auto fault = faults_.begin(); fault != faults_.end(); ++fault) {
            bool const meant =
                fault->route() ? *fault->route() == route : !at_authority(route) && !at_machine(route);
            if (!meant)
                continue;
            emulator_fault const found = *fault;
            fault->times(fault->times() - 1);
            if (fault->times() == 0)
                faults_.erase(fault);
            return found;
        }
        return std::nullopt;
    }

    emulator_answer answer_for(emulator_visit const& visit, emulator_route route,
                               emulator_target const& target, std::string const& allowed)
    {
        emulator_request const& request = visit.request;
        auto const& path = target.segments;
        bool const rest = !request.plain && !path.empty() && path.front() == "v1" && !at_authority(route);
        if (rest && (route != emulator_route::status || broker_.quirks().status_needs_token()))
            if (auto refused = check_token(request, visit.now))
                return std::move(*refused);
        if (rest && route != emulator_route::consume && route != emulator_route::other &&
            !target.query.empty())
            return proxy_error(400, "this operation takes no query");
        if (rest && route != emulator_route::other)
            return answer_of_node(visit, route, target);
        switch (route) {
        case emulator_route::token: return token_answer(authority_, path[0], visit);
        case emulator_route::openid_configuration: return openid_answer(authority_, path[0], visit);
        case emulator_route::instance_discovery: return instance_answer(target, visit);
        case emulator_route::imds: return identity_.imds(authority_, visit, target.query);
        case emulator_route::app_service_identity:
            return identity_.app_service(authority_, visit, target.query);
        case emulator_route::arc_identity: return identity_.arc(authority_, visit, target.query);
        default: break;
        }
        if (!allowed.empty())
            return failure(405, "this path takes " + allowed + " only", visit, route).field("Allow", allowed);
        return failure(404, "there is nothing at this path", visit, route);
    }

    /// Of the management node that the connection leads to.
    emulator_answer answer_of_node(emulator_visit const& visit, emulator_route route,
                                   emulator_target const& target)
    {
        std::uint64_t const number = visit.request.connection;
        emulator_view const view(visit.now, (number == 0 ? 0 : number - 1) % broker_.quirks().nodes());
        emulator_answer answer = answer_of_proxy(visit.request, route, target, view);
        auto const& path = target.segments;
        if (route == emulator_route::topics)
            broker_.looked(std::nullopt, view.node);
        else if (path.size() > 3)
            broker_.looked(path[3], view.node);
        return answer;
    }

    emulator_answer answer_of_proxy(emulator_request const& request, emulator_route route,
                                    emulator_target const& target, emulator_view const& view)
    {
        auto const& path = target.segments;
        switch (route) {
        case emulator_route::status: return status_answer();
        case emulator_route::brokers: return brokers_answer();
        case emulator_route::topics: return topics_answer(broker_, view);
        case emulator_route::partitions: return partitions_answer(broker_, path[3], view);
        case emulator_route::partition: return partition_answer(broker_, path[3], path[5], view);
        case emulator_route::create_topic: return create_answer(broker_, path[2], request, view.now);
        case emulator_route::delete_topic: return delete_answer(broker_, path[2], view.now);
        case emulator_route::produce:
            return produce_answer(broker_, options_, path[3], request, refused_records_, view);
        default: return consume_answer(broker_, options_, target, view);
        }
    }

    std::optional<emulator_answer> check_token(emulator_request const& request, emulator_time now) const
    {
        std::string_view reason;
        switch (authority_.admit(request.authorization, now)) {
        case emulator_admission::admitted: return std::nullopt;
        case emulator_admission::outside_group:
            return proxy_error(403, "the application is not in the cluster's security group");
        case emulator_admission::no_token: reason = "the request has no bearer token"; break;
        case emulator_admission::unknown_token: reason = "the token is not one of this authority's"; break;
        case emulator_admission::expired_token: reason = "the token has expired"; break;
        case emulator_admission::other_claims: return claims_challenge(request);
        }
        return proxy_error(401, reason)
            .field("WWW-Authenticate",
                   "Bearer error=\"invalid_token\", error_description=\"" + std::string(reason) + "\"");
    }

    emulator_answer claims_challenge(emulator_request const& request) const
    {
        std::string field = "Bearer realm=\"\", authorization_uri=\"";
        field += authority_url(request.host, "/" + options_.tenant() + "/oauth2/authorize");
        field += "\", error=\"insufficient_claims\", claims=\"";
        field += base64_encode(authority_.required_claims(), base64_form::standard) + "\"";
        return proxy_error(401, "the token was not asked for with the claims that are required")
            .field("WWW-Authenticate", std::move(field));
    }

    void remember(emulator_request const& request, emulator_route route, emulator_answer const& answer)
    {
        ++counts_[static_cast<std::size_t>(route)];
        if (calls_.size() == max_calls)
            calls_.pop_front();
        emulator_call& call = calls_.emplace_back();
        remembered_ = true;
        call.route = route;
        call.method = request.method.substr(0, max_remembered);
        call.target = request.target.substr(0, max_remembered);
        call.request_id = request.request_id.substr(0, max_remembered);
        call.connection = request.connection;
        call.status = answer.action == emulator_action::send ? answer.status : 0;
    }

    emulator_options options_;
    emulator_broker broker_;
    emulator_authority authority_;
    emulator_managed_identity identity_;
    emulator_admin<emulator_service> admin_;
    std::deque<emulator_fault> faults_;
    std::size_t refused_records_ = 0;
    std::array<std::size_t, emulator_route_count> counts_{};
    std::deque<emulator_call> calls_;
    bool remembered_ = false; ///< The request that was handled last is the last of them.
};

} // namespace hdikafka::inline v0_1::detail::emulation

#endif
