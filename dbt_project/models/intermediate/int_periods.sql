{% for period in complete_periods() %}
select
    '{{ period.type }}' as period_type,
    cast('{{ period.start }}' as date) as period_start,
    cast('{{ period.end }}' as date) as period_end,
    '{{ period.label }}' as period_label,
    {{ 'true' if period.is_latest else 'false' }} as is_latest
{% if not loop.last %}union all{% endif %}
{% endfor %}
