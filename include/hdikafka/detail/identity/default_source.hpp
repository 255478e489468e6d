// The credentials of Azure's own libraries, in their order.
#ifndef HDIKAFKA_DETAIL_IDENTITY_DEFAULT_SOURCE_HPP
#define HDIKAFKA_DETAIL_IDENTITY_DEFAULT_SOURCE_HPP

#include <hdikafka/detail/base/environment.hpp>
#include <hdikafka/detail/base/fwd.hpp>
#include <hdikafka/detail/call/token_source.hpp>
#include <hdikafka/detail/http/syntax.hpp>
#include <hdikafka/detail/identity/chain.hpp>
#include <hdikafka/detail/identity/settings.hpp>
#include <hdikafka/detail/net/transport.hpp>
#include <hdikafka/detail/rest/service_error.hpp>
#include <hdikafka/detail/run/operation.hpp>
#include <hdikafka/detail/run/task.hpp>
#include <hdikafka/error.hpp>
#include <hdikafka/platform_credential.hpp>
#include <hdikafka/result.hpp>
#include <hdikafka/service_principal.hpp>

#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace hdikafka::inline v0_1::detail {

template <class = void>
class default_source final : public token_source
{
public:
    explicit default_source(entra_settings settings) : settings_(std::move(settings)) {}

    task request(operation_ptr op, transport_ptr http, std::string const& claims, token_grant& grant) override
    {
        if (!chain_) {
            auto const made = make_chain();
            if (!made)
                co_return made.error();
        }
        auto outcome = co_await chain_->request(op, http, claims, grant);
        co_return outcome;
    }

    void join_chain() noexcept override { joined_ = true; }

private:
    /// Names one kind as AZURE_TOKEN_CREDENTIALS does.
    class kind
    {
    public:
        std::string_view name;
        std::string_view group; ///< Which of "prod" and "dev" means it, too.
        token_source_ptr (*make)(entra_settings const& settings) = nullptr;
    };

    static constexpr kind kinds[] = {
        {"EnvironmentCredential", "prod",
         [](entra_settings const& settings) { return make_environment_source<>(settings); }},
        {"WorkloadIdentityCredential", "prod",
         [](entra_settings const& settings) {
             return make_workload_identity_source<>(settings, std::string());
         }},
        {"ManagedIdentityCredential", "prod",
         [](entra_settings const& settings) {
             managed_identity_settings whose;
             whose.client_id = environment_variable("AZURE_CLIENT_ID");
             whose.scope = settings.scope;
             return make_managed_identity_source<>(std::move(whose));
         }},
        {"AzureCliCredential", "dev",
         [](entra_settings const& settings) {
             azure_cli_settings how;
             how.scope = settings.scope;
             return make_azure_cli_source<>(std::move(how));
         }},
    };

    result<void> make_chain()
    {
        std::string const variable = environment_variable("AZURE_TOKEN_CREDENTIALS");
        std::string_view const choice = trim_blanks(variable);
        std::vector<token_source_ptr> chosen;
        std::string choices = "prod, dev";
        for (kind const& one : kinds) {
            if (choice.empty() || equals_ignoring_case(choice, one.name) ||
                equals_ignoring_case(choice, one.group))
                chosen.push_back(one.make(settings_));
            choices += ", ";
            choices += one.name;
        }
        if (chosen.empty())
            return error(errc::invalid_option, "AZURE_TOKEN_CREDENTIALS is '" + bounded_message(choice, 100) +
                                                   "', which is none of: " + choices);
        chain_ = std::make_shared<chained_source<>>(std::move(chosen));
        if (joined_)
            chain_->join_chain();
        return result<void>();
    }

    entra_settings settings_;
    token_source_ptr chain_; // of what the environment wants, since the first request
    bool joined_ = false;
};

} // namespace hdikafka::inline v0_1::detail

#endif
