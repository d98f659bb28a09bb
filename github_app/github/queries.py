"""The GraphQL texts Remit sends: queries only, never a mutation.

https://docs.github.com/en/graphql/overview/public-schema
"""

from typing import Final

_ACTOR: Final = "__typename login ... on User { databaseId } ... on Bot { databaseId }"

_EVENTS: Final = f"""
        pageInfo {{ hasPreviousPage startCursor }}
        nodes {{
          __typename
          ... on LabeledEvent {{ createdAt label {{ name }} actor {{ {_ACTOR} }} }}
          ... on RenamedTitleEvent {{ createdAt actor {{ {_ACTOR} }} }}
          ... on TransferredEvent {{ createdAt }}
        }}
"""

_KINDS: Final = "itemTypes: [LABELED_EVENT, RENAMED_TITLE_EVENT, TRANSFERRED_EVENT]"

_POLICY: Final = (
    "policy: object(expression: $policy) { __typename oid ... on Blob { text byteSize isTruncated isBinary } }"
)

POLICY_FILE: Final = f"""
query PolicyFile($owner: String!, $name: String!, $policy: String!) {{
  repository(owner: $owner, name: $name) {{ databaseId nameWithOwner {_POLICY} }}
}}
"""

ISSUE_FACTS: Final = f"""
query IssueFacts($owner: String!, $name: String!, $number: Int!, $policy: String!) {{
  repository(owner: $owner, name: $name) {{
    databaseId nameWithOwner isPrivate isArchived isDisabled
    defaultBranchRef {{ name target {{ oid }} }}
    {_POLICY}
    issueOrPullRequest(number: $number) {{
      __typename
      ... on PullRequest {{ number title body url closed locked author {{ {_ACTOR} }} }}
      ... on Issue {{
        number title body url closed locked lastEditedAt
        author {{ {_ACTOR} }}
        editor {{ {_ACTOR} }}
        assignees(first: 20) {{ nodes {{ login }} }}
        labels(first: 100) {{ nodes {{ name }} pageInfo {{ hasNextPage }} }}
        timelineItems(last: 100, {_KINDS}) {{ {_EVENTS} }}
        closedByPullRequestsReferences(first: 20) {{ nodes {{ number state author {{ {_ACTOR} }} }} }}
      }}
    }}
  }}
}}
"""

ISSUE_TIMELINE: Final = f"""
query IssueTimeline($owner: String!, $name: String!, $number: Int!, $before: String!) {{
  repository(owner: $owner, name: $name) {{
    databaseId
    issueOrPullRequest(number: $number) {{
      ... on Issue {{ timelineItems(last: 100, before: $before, {_KINDS}) {{ {_EVENTS} }} }}
    }}
  }}
}}
"""
