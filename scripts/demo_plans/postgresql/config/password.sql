SET synchronous_commit = local; -- it waits for no follower: none can come before
{{#if cfg.superuser.password}}
ALTER ROLE "{{cfg.superuser.name}}" PASSWORD '{{strReplace cfg.superuser.password "'" "''"}}';
{{else}}
ALTER ROLE "{{cfg.superuser.name}}" PASSWORD NULL;
{{/if}}
