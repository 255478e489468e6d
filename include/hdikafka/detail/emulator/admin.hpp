// What other programs can do to the emulator by requests: an action at once, or once others have been
// handled.
#ifndef HDIKAFKA_DETAIL_EMULATOR_ADMIN_HPP
#define HDIKAFKA_DETAIL_EMULATOR_ADMIN_HPP

#include <hdikafka/detail/emulator/admin_actions.hpp>
#include <hdikafka/detail/emulator/message.hpp>
#include <hdikafka/detail/http/syntax.hpp>

#include <algorithm>
#include <cstddef>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace hdikafka::inline v0_1::detail::emulation {

/// What waits for a request of the route: once `left` more have been handled, it is done.
template <class Service>
class admin_waiting
{
public:
    emulator_route route = emulator_route::other;
    std::size_t left = 0;
    admin_action<Service> const* action = nullptr;
    std::string body;
};

/// Not synchronised, like the service that it belongs to.
template <class Service>
class emulator_admin
{
public:
    /// Whether a request is for here.
    static bool is_for(emulator_request const& request, emulator_target const& target)
    {
        return !request.plain && !target.segments.empty() && target.segments.front() == "emulator";
    }

    emulator_answer answer(Service& service, emulator_request const& request, emulator_target const& target,
                           emulator_time now)
    {
        auto const& path = target.segments;
        if (path.size() == 1)
            return overview();
        auto const* const found =
            std::ranges::find(admin_actions<Service>::all, path[1], &admin_action<Service>::name);
        if (path.size() != 2 || found == admin_actions<Service>::all.end())
            return proxy_error(404, "there is no such action: GET /emulator lists all");
        std::string const method = found->look ? "GET" : "POST";
        if (request.method != method)
            return proxy_error(405, path[1] + " takes " + method + " only").field("Allow", method);
        // A page in a browser cannot send this without asking.
        std::string_view const type = request.content_type.value_or("");
        if (!found->look &&
            !equals_ignoring_case(trim_blanks(type.substr(0, type.find(';'))), "application/json"))
            return proxy_error(415, "Content-Type must be application/json");
        auto const outcome = begin(service, *found, request.body, now);
        return outcome ? emulator_answer(200, outcome.value()) : refusal(outcome.error());
    }

    /// Does what has waited for this request.
    void handled(Service& service, emulator_route route, emulator_time now)
    {
        std::vector<admin_waiting<Service>> due;
        std::erase_if(waiting_, [&](auto& each) {
            if (each.route != route || --each.left > 0)
                return false;
            due.push_back(std::move(each));
            return true;
        });
        for (auto const& each : due) {
            auto const arguments = read_admin_arguments(each.body, members_of(*each.action));
            if (auto const done = each.action->act(service, arguments.value(), now); !done)
                failures_.push_back(std::string(each.action->name) + ": " + done.error().cause());
        }
    }

private:
    static constexpr std::size_t max_waiting = 1'000;

    static std::string members_of(admin_action<Service> const& action)
    {
        std::string out(action.members);
        if (!action.look)
            out += out.empty() ? "after?" : " after?";
        return out;
    }

    admin_outcome begin(Service& service, admin_action<Service> const& action, std::string_view body,
                        emulator_time now)
    {
        auto const arguments = read_admin_arguments(body, members_of(action));
        if (!arguments)
            return arguments.error();
        if (!arguments.value().has("after"))
            return action.act(service, arguments.value(), now);
        auto const after = read_admin_arguments(arguments.value().raw("after"), "route requests?");
        if (!after)
            return bad_body("after: " + after.error().cause());
        std::size_t const requests = after.value().count("requests", 1);
        if (requests == 0)
            return bad_body("after: requests must be 1 or more");
        if (waiting_.size() == max_waiting)
            return bad_body("too many actions wait");
        waiting_.push_back(
            {after.value().template word<emulator_route>("route"), requests, &action, std::string(body)});
        return std::string("{}");
    }

    /// Every action with the members that it takes, and what is left of those that waited.
    emulator_answer overview() const
    {
        std::string body = R"({"actions":{)";
        for (auto const& each : admin_actions<Service>::all) {
            body += body.ends_with('{') ? "" : ",";
            body += json_text(each.name) + ':';
            auto const members = words_of(each.members);
            append_list(body, members.size(),
                        [&](std::string& out, std::size_t n) { out += json_text(members[n]); });
        }
        body += R"(},"waiting":)" + std::to_string(waiting_.size()) + R"(,"failures":)";
        append_list(body, failures_.size(),
                    [this](std::string& out, std::size_t n) { out += json_text(failures_[n]); });
        return emulator_answer(200, body + '}');
    }

    std::vector<admin_waiting<Service>> waiting_;
    std::vector<std::string> failures_; ///< Of those that had waited.
};

} // namespace hdikafka::inline v0_1::detail::emulation

#endif
