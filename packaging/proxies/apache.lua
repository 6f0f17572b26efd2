-- Takes out of a request what could pass for a header of apache.conf, in every spelling (X-Tollgate-…, X_Tollgate_…,
-- X.Tollgate.…). SetEnvIf can't: of several headers it looks at the last, which may be empty.

require "apache2"

function strip(r)
    for name in pairs(r:headers_in_table()) do
        local folded = name:lower():gsub("[^a-z0-9]", "-")
        if folded:find("tollgate", 1, true) or folded:find("oauth2-claim", 1, true) then
            r.headers_in[name] = nil
        end
    end
    -- Nor may a caller have taken out what this proxy says, by calling it a header for the next hop alone.
    local connection = r.headers_in["Connection"] or ""
    if connection:lower():find("tollgate", 1, true) then
        return 400
    end
    return apache2.DECLINED
end

-- Whether a token that mod_oauth2 has admitted has a scope, which is one word of a list.
function has_scope(r, scope)
    if r.user == nil then
        return apache2.AUTHZ_DENIED_NO_USER
    end
    local scopes = " " .. (r.subprocess_env["OAUTH2_CLAIM_scope"] or "") .. " "
    if scopes:find(" " .. scope .. " ", 1, true) then
        return apache2.AUTHZ_GRANTED
    end
    return apache2.AUTHZ_DENIED
end
